//! GPTs, the tenants.

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
};

use super::entity::{gpts, jobs};
use super::transaction::{Retry, end};
use super::{Backend, NewJob, Store, StoreError, StoreErrorKind};
use crate::clock::Timestamp;
use crate::ids::GptId;

/// A GPT as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptRow {
    /// Its id, which names the tenant everywhere.
    pub id: GptId,
    /// A name for people.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Store {
    /// Makes a GPT. False when there is one with this id; that one stays as it is.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn create_gpt(&self, gpt: &GptRow) -> Result<bool, StoreError> {
        let row = gpts::ActiveModel {
            id: Set(gpt.id.to_string()),
            name: Set(gpt.name.clone()),
            created_at: Set(gpt.created_at),
        };
        let inserted = gpts::Entity::insert(row)
            .exec_without_returning(self.database().writes())
            .await
            .map_err(StoreError::from);
        match inserted {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), StoreErrorKind::UniqueViolation(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The GPT with this id.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_gpt(&self, id: &GptId) -> Result<Option<GptRow>, StoreError> {
        let found = gpts::Entity::find_by_id(id.as_str());
        let row = found.one(self.database().reads()).await?;
        row.map(GptRow::try_from).transpose()
    }

    /// Gives the GPT with this id another name, and returns it.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn rename_gpt(&self, id: &GptId, name: &str) -> Result<Option<GptRow>, StoreError> {
        let named = gpts::ActiveModel {
            name: Set(name.to_owned()),
            ..Default::default()
        };
        gpts::Entity::update_many()
            .set(named)
            .filter(gpts::COLUMN.id.eq(id.as_str()))
            .exec(self.database().writes())
            .await?;
        self.get_gpt(id).await
    }

    /// Up to `limit` GPTs in the order of their ids, those behind `after`.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_gpts(
        &self,
        after: Option<&GptId>,
        limit: u32,
    ) -> Result<Vec<GptRow>, StoreError> {
        let rows = gpts::Entity::find()
            .filter(gpts::COLUMN.id.gt(after.map_or("", GptId::as_str)))
            .order_by_asc(gpts::COLUMN.id)
            .limit(u64::from(limit))
            .all(self.database().reads())
            .await?;
        rows.into_iter().map(GptRow::try_from).collect()
    }

    /// True when there is at least one GPT.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn any_gpt_exists(&self) -> Result<bool, StoreError> {
        Ok(!self.list_gpts(None, 1).await?.is_empty())
    }

    /// Deletes a GPT with everything that belongs to it, and adds the job that removes what lies
    /// outside of the database. False when there is none; then no job is added.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn delete_gpt(&self, id: &GptId, purge: Option<&NewJob>) -> Result<bool, StoreError> {
        let mut retry = Retry::default();
        loop {
            let result = self.try_delete_gpt(id, purge).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn try_delete_gpt(&self, id: &GptId, purge: Option<&NewJob>) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let result = self.delete_gpt_within(&transaction, id, purge).await;
        end(transaction, result).await
    }

    async fn delete_gpt_within(
        &self,
        transaction: &DatabaseTransaction,
        id: &GptId,
        purge: Option<&NewJob>,
    ) -> Result<bool, StoreError> {
        if self.backend() == Backend::Postgres {
            // A tenant with millions of objects takes longer than a request may.
            let unlimited = self.statement("SET LOCAL statement_timeout = 0", []);
            transaction.execute_raw(unlimited).await?;
        }
        let jobs = jobs::Entity::delete_many().filter(jobs::COLUMN.gpt_id.eq(id.as_str()));
        jobs.exec(transaction).await?;
        let delete = gpts::Entity::delete_by_id(id.as_str());
        let was_there = delete.exec(transaction).await?.rows_affected > 0;
        if let Some(purge) = purge.filter(|_| was_there) {
            self.enqueue_job_within(transaction, purge, &[]).await?;
        }
        Ok(was_there)
    }
}

impl TryFrom<gpts::Model> for GptRow {
    type Error = StoreError;

    fn try_from(row: gpts::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.parse().map_err(StoreError::bug)?,
            name: row.name,
            created_at: row.created_at,
        })
    }
}
