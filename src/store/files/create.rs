//! A new file: its row, the row of its bytes and the quota, all at once.

use sea_orm::{DatabaseTransaction, EntityTrait};

use super::rows::{BlobRow, StoredFile};
use super::usage::{FileQuota, FileRefusal};
use crate::ids::Tenant;
use crate::store::entity::{blobs, files};
use crate::store::transaction::{Retry, end};
use crate::store::{Store, WriteError};

impl Store {
    /// Makes a file whose bytes are `blob`, unless that goes beyond `quota`.
    ///
    /// # Errors
    ///
    /// [`FileRefusal`]; [`super::super::StoreErrorKind::ForeignKeyViolation`] when the GPT does not
    /// exist; what the database reports, and then the file may be there all the same.
    pub async fn create_file(
        &self,
        tenant: &Tenant,
        file: &StoredFile,
        blob: &BlobRow,
        quota: FileQuota,
    ) -> Result<(), WriteError<FileRefusal>> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let result = self
                .create_file_within(&transaction, tenant, file, blob, quota)
                .await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn create_file_within(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        file: &StoredFile,
        blob: &BlobRow,
        quota: FileQuota,
    ) -> Result<(), WriteError<FileRefusal>> {
        let usage = self.lock_files(transaction, tenant).await?;
        quota.admit(usage, 1, blob.bytes)?;
        files::Entity::insert(file.row(tenant))
            .exec_without_returning(transaction)
            .await?;
        blobs::Entity::insert(blob.row(tenant, Some(file.id)))
            .exec_without_returning(transaction)
            .await?;
        let bytes = blob.bytes.cast_signed();
        Ok(self.count_files(transaction, tenant, 1, bytes).await?)
    }
}
