//! A part of an upload, which replaces the one with its number.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
};
use uuid::Uuid;

use super::rows::{BlobRow, StoredPart};
use super::upload::open_upload;
use super::usage::{FileQuota, FileRefusal};
use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::entity::{blobs, upload_parts};
use crate::store::transaction::{Retry, end};
use crate::store::{Store, StoreError, WriteError};

/// The most parts of an upload.
const MOST_PARTS: u32 = 10_000;

/// A part with its bytes, to be added to an upload.
#[derive(Clone, Debug)]
pub struct UploadedPart {
    /// The upload.
    pub upload: Uuid,
    /// The id that the part gets, unless it replaces one.
    pub id: Uuid,
    /// Its number, from 1; after the last one when it has none.
    pub position: Option<u32>,
    /// Its bytes.
    pub blob: BlobRow,
}

impl Store {
    /// Adds a part to an upload that is open at `now`, in place of the one with its number, and
    /// returns it. The replaced bytes are due for removal.
    ///
    /// # Errors
    ///
    /// [`FileRefusal`]; what the database reports, and then the part may be there all the same.
    pub async fn add_part(
        &self,
        tenant: &Tenant,
        part: &UploadedPart,
        quota: FileQuota,
        now: Timestamp,
    ) -> Result<StoredPart, WriteError<FileRefusal>> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let result = self
                .add_part_within(&transaction, tenant, part, quota, now)
                .await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn add_part_within(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        part: &UploadedPart,
        quota: FileQuota,
        now: Timestamp,
    ) -> Result<StoredPart, WriteError<FileRefusal>> {
        let usage = self.lock_files(transaction, tenant).await?;
        open_upload(transaction, tenant, part.upload, now).await?;
        let position = match part.position {
            Some(position) => position,
            None => last_position(transaction, tenant, part.upload).await? + 1,
        };
        if position > MOST_PARTS {
            return Err(FileRefusal::TooManyParts.into());
        }
        let before = part_at(transaction, tenant, part.upload, position).await?;
        let (id, freed) = before.map_or((part.id, 0), |before| (before.id, before.bytes));
        quota.admit(usage, 0, part.blob.bytes.saturating_sub(freed))?;
        self.set_part(transaction, tenant, part, id, position, now)
            .await?;
        let grown = part.blob.bytes.cast_signed() - freed.cast_signed();
        self.count_files(transaction, tenant, 0, grown).await?;
        Ok(StoredPart {
            id,
            position,
            blob: part.blob.id,
            bytes: part.blob.bytes,
            created_at: now,
        })
    }

    /// Writes the part at `position`, and lets go of the blob that was there.
    async fn set_part(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        part: &UploadedPart,
        id: Uuid,
        position: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (gpt_id, position) = (tenant.gpt_id(), position.cast_signed());
        let free = self.statement(
            "UPDATE blobs SET deleted_at = $4, next_attempt_at = $4 WHERE gpt_id = $1 AND id IN \
             (SELECT blob_id FROM upload_parts \
             WHERE gpt_id = $1 AND upload_id = $2 AND position = $3)",
            [
                gpt_id.into(),
                part.upload.into(),
                position.into(),
                now.into(),
            ],
        );
        transaction.execute_raw(free).await?;
        blobs::Entity::insert(part.blob.row(tenant, None))
            .exec_without_returning(transaction)
            .await?;
        let set = self.statement(
            "INSERT INTO upload_parts \
             (gpt_id, upload_id, position, id, blob_id, bytes, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (gpt_id, upload_id, position) DO UPDATE SET \
             blob_id = excluded.blob_id, bytes = excluded.bytes, created_at = excluded.created_at",
            [
                gpt_id.into(),
                part.upload.into(),
                position.into(),
                id.into(),
                part.blob.id.into(),
                part.blob.bytes.cast_signed().into(),
                now.into(),
            ],
        );
        transaction.execute_raw(set).await?;
        Ok(())
    }
}

/// The number of the last part, or 0.
async fn last_position(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    upload: Uuid,
) -> Result<u32, StoreError> {
    let last = upload_parts::Entity::find()
        .filter(upload_parts::Column::GptId.eq(tenant.gpt_id().as_str()))
        .filter(upload_parts::Column::UploadId.eq(upload))
        .order_by_desc(upload_parts::Column::Position)
        .one(transaction)
        .await?;
    Ok(last.map_or(0, |last| last.position.cast_unsigned()))
}

async fn part_at(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    upload: Uuid,
    position: u32,
) -> Result<Option<StoredPart>, StoreError> {
    let key = (tenant.gpt_id().to_string(), upload, position.cast_signed());
    let row = upload_parts::Entity::find_by_id(key)
        .one(transaction)
        .await?;
    Ok(row.map(StoredPart::from))
}
