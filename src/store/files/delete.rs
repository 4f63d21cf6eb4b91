//! Deleting a file: it is hidden at once, and its bytes wait to be removed.

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::transaction::{Retry, end};
use crate::store::{Store, StoreError};

impl Store {
    /// Deletes the tenant's file with this id, whether or not it has expired. False when there is
    /// none any more. Its blobs are due for removal from `now` on.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn delete_file(
        &self,
        tenant: &Tenant,
        id: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let result = self.delete_file_within(&transaction, tenant, id, now).await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn delete_file_within(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        id: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.lock_files(transaction, tenant).await?;
        let hide = self.statement(
            "UPDATE files SET deleted_at = $3 \
             WHERE gpt_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING bytes",
            [tenant.gpt_id().into(), id.into(), now.into()],
        );
        let Some(row) = transaction.query_one_raw(hide).await? else {
            return Ok(false);
        };
        let bytes: i64 = row.try_get_by_index(0)?;
        let blobs = self.statement(
            "UPDATE blobs SET deleted_at = $3, next_attempt_at = $3 \
             WHERE gpt_id = $1 AND file_id = $2",
            [tenant.gpt_id().into(), id.into(), now.into()],
        );
        transaction.execute_raw(blobs).await?;
        self.count_files(transaction, tenant, -1, -bytes).await?;
        Ok(true)
    }
}
