//! Uploads: files that come in parts, and how they end.

use std::collections::HashMap;

use sea_orm::sea_query::SelectStatement;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use uuid::Uuid;

use super::rows::{BlobRow, StoredPart, StoredUpload, UploadStage};
use super::usage::FileRefusal;
use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::entity::{blobs, upload_parts, uploads};
use crate::store::transaction::{Retry, end};
use crate::store::{Store, StoreError, WriteError};

impl Store {
    /// Makes an upload.
    ///
    /// # Errors
    ///
    /// [`super::super::StoreErrorKind::ForeignKeyViolation`] when the GPT does not exist; what the
    /// database reports.
    pub async fn create_upload(
        &self,
        tenant: &Tenant,
        upload: &StoredUpload,
    ) -> Result<(), StoreError> {
        uploads::Entity::insert(upload.row(tenant))
            .exec_without_returning(self.database().writes())
            .await?;
        Ok(())
    }

    /// The tenant's upload with this id.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_upload(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<Option<StoredUpload>, StoreError> {
        find_upload(self.database().reads(), tenant, id).await
    }

    /// Whether any GPT has an upload with this id: a look beyond the tenant, to tell another
    /// tenant's upload, which is forbidden, from none.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn any_tenant_has_upload(&self, id: Uuid) -> Result<bool, StoreError> {
        let found = uploads::Entity::find().filter(uploads::Column::Id.eq(id));
        Ok(found.one(self.database().reads()).await?.is_some())
    }

    /// The parts of an upload by their numbers, each with its blob.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn upload_parts(
        &self,
        tenant: &Tenant,
        upload: Uuid,
    ) -> Result<Vec<(StoredPart, BlobRow)>, StoreError> {
        let parts = find_parts(self.database().reads(), tenant, upload).await?;
        let rows = blobs::Entity::find()
            .filter(blobs::Column::GptId.eq(tenant.gpt_id().as_str()))
            .filter(blobs::Column::Id.in_subquery(blobs_of(tenant, upload)))
            .all(self.database().reads())
            .await?;
        let mut known = HashMap::new();
        for row in rows {
            known.insert(row.id, BlobRow::try_from(row)?);
        }
        // A part that was replaced between the two reads is left out, as one that is not there.
        let with_blob = |part: StoredPart| known.remove(&part.blob).map(|blob| (part, blob));
        Ok(parts.into_iter().filter_map(with_blob).collect())
    }

    /// Ends an upload without a file, as `stage`; the bytes of its parts are due for removal. An
    /// upload is ended as expired only when it is.
    ///
    /// # Errors
    ///
    /// [`FileRefusal::NoUpload`], [`FileRefusal::Closed`]; what the database reports.
    pub async fn end_upload(
        &self,
        tenant: &Tenant,
        upload: Uuid,
        stage: UploadStage,
        now: Timestamp,
    ) -> Result<StoredUpload, WriteError<FileRefusal>> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let result = self
                .end_upload_within(&transaction, tenant, upload, stage, now)
                .await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn end_upload_within(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        upload: Uuid,
        stage: UploadStage,
        now: Timestamp,
    ) -> Result<StoredUpload, WriteError<FileRefusal>> {
        self.lock_files(transaction, tenant).await?;
        let found = find_upload(transaction, tenant, upload).await?;
        let before = found.ok_or(FileRefusal::NoUpload)?;
        let is_over = before.stage_at(now) == UploadStage::Expired;
        if before.stage != UploadStage::Pending || is_over != (stage == UploadStage::Expired) {
            return Err(FileRefusal::Closed(before.stage_at(now)).into());
        }
        let freed = self.free_parts(transaction, tenant, upload, now).await?;
        self.count_files(transaction, tenant, 0, -freed).await?;
        self.set_stage(transaction, tenant, upload, stage, None)
            .await?;
        Ok(StoredUpload { stage, ..before })
    }

    /// Takes all parts away from an upload, and says how many bytes are due for removal: those of
    /// blobs that no file has.
    pub(super) async fn free_parts(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        upload: Uuid,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let free = self.statement(
            "UPDATE blobs SET deleted_at = $3, next_attempt_at = $3 \
             WHERE gpt_id = $1 AND file_id IS NULL AND id IN \
             (SELECT blob_id FROM upload_parts WHERE gpt_id = $1 AND upload_id = $2) \
             RETURNING bytes",
            [tenant.gpt_id().into(), upload.into(), now.into()],
        );
        let freed = transaction.query_all_raw(free).await?;
        let parts = self.statement(
            "DELETE FROM upload_parts WHERE gpt_id = $1 AND upload_id = $2",
            [tenant.gpt_id().into(), upload.into()],
        );
        transaction.execute_raw(parts).await?;
        let bytes = freed.iter().map(|row| row.try_get_by_index::<i64>(0));
        Ok(bytes.sum::<Result<i64, _>>()?)
    }

    /// Writes how an upload ended.
    pub(super) async fn set_stage(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        upload: Uuid,
        stage: UploadStage,
        file: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let set = self.statement(
            "UPDATE uploads SET state = $3, file_id = $4 WHERE gpt_id = $1 AND id = $2",
            [
                tenant.gpt_id().into(),
                upload.into(),
                stage.as_str().into(),
                file.into(),
            ],
        );
        transaction.execute_raw(set).await?;
        Ok(())
    }
}

/// The upload, which must take parts at `now`.
pub(super) async fn open_upload(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    upload: Uuid,
    now: Timestamp,
) -> Result<StoredUpload, WriteError<FileRefusal>> {
    let found = find_upload(transaction, tenant, upload).await?;
    let found = found.ok_or(FileRefusal::NoUpload)?;
    match found.stage_at(now) {
        UploadStage::Pending => Ok(found),
        stage => Err(FileRefusal::Closed(stage).into()),
    }
}

async fn find_upload(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    id: Uuid,
) -> Result<Option<StoredUpload>, StoreError> {
    let found = uploads::Entity::find_by_id((tenant.gpt_id().to_string(), id));
    let row = found.one(connection).await?;
    row.map(StoredUpload::try_from).transpose()
}

/// The parts of an upload by their numbers.
pub(super) async fn find_parts(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    upload: Uuid,
) -> Result<Vec<StoredPart>, StoreError> {
    let rows = upload_parts::Entity::find()
        .filter(upload_parts::Column::GptId.eq(tenant.gpt_id().as_str()))
        .filter(upload_parts::Column::UploadId.eq(upload))
        .order_by_asc(upload_parts::Column::Position)
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(StoredPart::from).collect())
}

/// The ids of the blobs of an upload's parts.
fn blobs_of(tenant: &Tenant, upload: Uuid) -> SelectStatement {
    upload_parts::Entity::find()
        .select_only()
        .column(upload_parts::Column::BlobId)
        .filter(upload_parts::Column::GptId.eq(tenant.gpt_id().as_str()))
        .filter(upload_parts::Column::UploadId.eq(upload))
        .into_query()
}
