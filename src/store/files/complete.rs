//! An upload becomes a file: its parts' blobs become the file's, and nothing is copied.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, Statement};
use uuid::Uuid;

use super::rows::{StoredFile, StoredPart, UploadStage};
use super::upload::{find_parts, open_upload};
use super::usage::{FileQuota, FileRefusal};
use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::entity::files;
use crate::store::transaction::{Retry, end};
use crate::store::{Backend, Store, StoreError, WriteError};

impl Store {
    /// Makes `file` of the parts of an upload that is open at `now`: `parts` names them in order,
    /// each with the blob that it had when its bytes were read. Bytes of other parts are due for
    /// removal.
    ///
    /// # Errors
    ///
    /// [`FileRefusal`]; what the database reports, and then the file may be there all the same.
    pub async fn complete_upload(
        &self,
        tenant: &Tenant,
        upload: Uuid,
        file: &StoredFile,
        parts: &[StoredPart],
        quota: FileQuota,
        now: Timestamp,
    ) -> Result<(), WriteError<FileRefusal>> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let completing = Completing {
                store: self,
                transaction: &transaction,
                tenant,
                upload,
                now,
            };
            let result = completing.run(file, parts, quota).await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }
}

/// A transaction that completes an upload.
struct Completing<'a> {
    store: &'a Store,
    transaction: &'a DatabaseTransaction,
    tenant: &'a Tenant,
    upload: Uuid,
    now: Timestamp,
}

impl Completing<'_> {
    async fn run(
        &self,
        file: &StoredFile,
        parts: &[StoredPart],
        quota: FileQuota,
    ) -> Result<(), WriteError<FileRefusal>> {
        let (store, transaction, tenant) = (self.store, self.transaction, self.tenant);
        let usage = store.lock_files(transaction, tenant).await?;
        open_upload(transaction, tenant, self.upload, self.now).await?;
        quota.admit(usage, 1, 0)?;
        self.check_unchanged(parts).await?;
        files::Entity::insert(file.row(tenant))
            .exec_without_returning(transaction)
            .await?;
        self.adopt(file.id, parts).await?;
        let freed = store
            .free_parts(transaction, tenant, self.upload, self.now)
            .await?;
        store.count_files(transaction, tenant, 1, -freed).await?;
        let (stage, file) = (UploadStage::Completed, Some(file.id));
        Ok(store
            .set_stage(transaction, tenant, self.upload, stage, file)
            .await?)
    }

    /// Nobody holds a lock while bytes are read, so a part may have got others since.
    async fn check_unchanged(&self, parts: &[StoredPart]) -> Result<(), WriteError<FileRefusal>> {
        let there = find_parts(self.transaction, self.tenant, self.upload).await?;
        let there: HashMap<Uuid, Uuid> = there.iter().map(|part| (part.id, part.blob)).collect();
        if parts
            .iter()
            .all(|part| there.get(&part.id) == Some(&part.blob))
        {
            Ok(())
        } else {
            Err(FileRefusal::PartsChanged.into())
        }
    }

    /// Gives the parts' blobs to the file, in this order.
    async fn adopt(&self, file: Uuid, parts: &[StoredPart]) -> Result<(), StoreError> {
        if self.store.backend() == Backend::Postgres {
            self.transaction
                .execute_raw(self.adopt_all(file, parts))
                .await?;
            return Ok(());
        }
        for (position, part) in (0_i32..).zip(parts) {
            let adopt = self.store.statement(
                "UPDATE blobs SET file_id = $2, position = $3 WHERE gpt_id = $1 AND id = $4",
                [
                    self.tenant.gpt_id().into(),
                    file.into(),
                    position.into(),
                    part.blob.into(),
                ],
            );
            self.transaction.execute_raw(adopt).await?;
        }
        Ok(())
    }

    /// There may be 10,000, and each statement costs PostgreSQL a round trip.
    fn adopt_all(&self, file: Uuid, parts: &[StoredPart]) -> Statement {
        let ids: Vec<Uuid> = parts.iter().map(|part| part.blob).collect();
        self.store.statement(
            "UPDATE blobs b SET file_id = $2, position = u.place::integer - 1 \
             FROM unnest($3::uuid[]) WITH ORDINALITY AS u (id, place) \
             WHERE b.gpt_id = $1 AND b.id = u.id",
            [self.tenant.gpt_id().into(), file.into(), ids.into()],
        )
    }
}
