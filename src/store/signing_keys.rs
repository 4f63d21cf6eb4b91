//! The keys that sign access tokens. They belong to the service, not to a tenant.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Set};

use super::entity::signing_keys::{self, Column};
use super::{Store, StoreError};
use crate::clock::Timestamp;

/// A signing key as the database has it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Its `kid`.
    pub id: String,
    /// PKCS#8, sealed.
    pub private_key: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its last token is over; none while it signs.
    pub retires_at: Option<Timestamp>,
}

impl Store {
    /// Stores a signing key.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn insert_signing_key(&self, key: &SigningKeyRow) -> Result<(), StoreError> {
        let row = signing_keys::ActiveModel {
            id: Set(key.id.clone()),
            private_key: Set(key.private_key.clone()),
            created_at: Set(key.created_at),
            retires_at: Set(key.retires_at),
        };
        signing_keys::Entity::insert(row)
            .exec_without_returning(self.database().writes())
            .await?;
        Ok(())
    }

    /// The signing keys that are not retired at `now`, oldest first.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_signing_keys(
        &self,
        now: Timestamp,
    ) -> Result<Vec<SigningKeyRow>, StoreError> {
        let is_alive = Column::RetiresAt
            .is_null()
            .or(Expr::col(Column::RetiresAt).gt(now));
        let rows = signing_keys::Entity::find()
            .filter(is_alive)
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .all(self.database().reads())
            .await?;
        Ok(rows.into_iter().map(SigningKeyRow::from).collect())
    }

    /// Ends the signing of all keys but `successor`: they verify until `retires_at`.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn retire_signing_keys(
        &self,
        successor: &str,
        retires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let retired = signing_keys::ActiveModel {
            retires_at: Set(Some(retires_at)),
            ..Default::default()
        };
        signing_keys::Entity::update_many()
            .set(retired)
            .filter(Column::Id.ne(successor))
            .filter(Column::RetiresAt.is_null())
            .exec(self.database().writes())
            .await?;
        Ok(())
    }

    /// Forgets the signing keys that are retired at `now`, and says how many there were.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn prune_signing_keys(&self, now: Timestamp) -> Result<u64, StoreError> {
        let retired = Expr::col(Column::RetiresAt).lte(now);
        let deleted = signing_keys::Entity::delete_many().filter(retired);
        Ok(deleted.exec(self.database().writes()).await?.rows_affected)
    }
}

impl From<signing_keys::Model> for SigningKeyRow {
    fn from(row: signing_keys::Model) -> Self {
        Self {
            id: row.id,
            private_key: row.private_key,
            created_at: row.created_at,
            retires_at: row.retires_at,
        }
    }
}

impl std::fmt::Debug for SigningKeyRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeyRow")
            .field("id", &self.id)
            .field("created_at", &self.created_at)
            .field("retires_at", &self.retires_at)
            .finish_non_exhaustive()
    }
}
