//! Rotating master keys: which blobs wait for the new one.

use super::rows::BlobRow;
use crate::ids::GptId;
use crate::store::entity::blobs;
use crate::store::transaction::{Retry, end};
use crate::store::{Store, StoreError};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

/// A blob, and whose it is: rotation is the operator's, who stands above tenants.
#[derive(Clone, Debug)]
pub struct TenantBlob {
    /// The tenant.
    pub gpt_id: GptId,
    /// The blob.
    pub blob: BlobRow,
}

/// A blob's own key under another master key.
#[derive(Clone, Debug)]
pub struct Rewrapped {
    /// The blob as it was.
    pub before: TenantBlob,
    /// The id of the new master key.
    pub key_id: u32,
    /// The blob's own key, wrapped by that.
    pub wrapped_key: Vec<u8>,
}

impl Store {
    /// Up to `limit` blobs whose key is wrapped by another master key than `current`, those behind
    /// `after`.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn blobs_to_rewrap(
        &self,
        current: u32,
        after: Option<&TenantBlob>,
        limit: u64,
    ) -> Result<Vec<TenantBlob>, StoreError> {
        let mut found = blobs::Entity::find()
            .filter(blobs::Column::KeyId.ne(current.cast_signed()))
            .filter(blobs::Column::DeletedAt.is_null())
            .order_by_asc(blobs::Column::GptId)
            .order_by_asc(blobs::Column::Id)
            .limit(limit);
        if let Some(after) = after {
            let columns = [blobs::Column::GptId, blobs::Column::Id].map(Expr::col);
            let last = [Expr::val(after.gpt_id.as_str()), Expr::val(after.blob.id)];
            found = found.filter(Expr::tuple(columns).gt(Expr::tuple(last)));
        }
        let rows = found.all(self.database().reads()).await?;
        rows.into_iter().map(TenantBlob::try_from).collect()
    }

    /// Writes keys under another master key, in one transaction, and says how many. A blob whose
    /// key was rewritten meanwhile, or that has gone, is passed over.
    ///
    /// # Errors
    ///
    /// What the database reports; then none is written.
    pub async fn rewrap_blobs(&self, rewrapped: &[Rewrapped]) -> Result<u64, StoreError> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let result = self.rewrap_within(&transaction, rewrapped).await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn rewrap_within(
        &self,
        transaction: &DatabaseTransaction,
        rewrapped: &[Rewrapped],
    ) -> Result<u64, StoreError> {
        let mut written = 0;
        for one in rewrapped {
            let update = self.statement(
                "UPDATE blobs SET key_id = $3, wrapped_key = $4 \
                 WHERE gpt_id = $1 AND id = $2 AND wrapped_key = $5",
                [
                    (&one.before.gpt_id).into(),
                    one.before.blob.id.into(),
                    one.key_id.cast_signed().into(),
                    one.wrapped_key.clone().into(),
                    one.before.blob.wrapped_key.clone().into(),
                ],
            );
            written += transaction.execute_raw(update).await?.rows_affected();
        }
        Ok(written)
    }
}

impl TryFrom<blobs::Model> for TenantBlob {
    type Error = StoreError;

    fn try_from(row: blobs::Model) -> Result<Self, StoreError> {
        Ok(Self {
            gpt_id: row.gpt_id.parse().map_err(StoreError::bug)?,
            blob: row.try_into()?,
        })
    }
}
