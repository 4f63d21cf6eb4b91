//! Jobs: what is to be done outside of requests. This table is the truth about them; whatever
//! tells workers that there is something to do may be lost without losing a job.
//!
//! A job belongs to a GPT or to the house. What a tenant sees of its own takes a
//! [`Tenant`]; workers and the operator stand above tenants.

mod backlog;
mod claim;
mod rows;
mod wakeups;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryTrait,
};
use uuid::Uuid;

use super::entity::jobs::{self, Column};
use super::keyset::{Position, seek};
use super::transaction::end;
use super::{Backend, Store, StoreError};
use crate::clock::Timestamp;
use crate::ids::{GptId, Tenant};

pub use backlog::JobBacklog;
pub use claim::Holding;
pub use rows::{JobRow, JobState, NewJob};
pub use wakeups::JobWakeups;

/// Which jobs, the latest first.
#[derive(Clone, Debug, Default)]
pub struct JobQuery {
    /// Those of this GPT.
    pub gpt_id: Option<GptId>,
    /// Those of this kind.
    pub kind: Option<String>,
    /// Those in this state.
    pub state: Option<JobState>,
    /// Those before this job, which is the last of the page before.
    pub after: Option<Position>,
    /// Most jobs on the page.
    pub limit: u32,
}

impl Store {
    /// Adds a job, and tells whoever listens. False when one with its unique key is there already.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn enqueue_job(&self, job: &NewJob) -> Result<bool, StoreError> {
        self.enqueue_job_unless(job, &[]).await
    }

    /// The same, unless one of its kind is there in one of `states`. Of two who ask at once both may
    /// be given their job.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn enqueue_job_unless(
        &self,
        job: &NewJob,
        states: &[JobState],
    ) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let added = self.enqueue_job_within(&transaction, job, states).await;
        end(transaction, added).await
    }

    /// The same, in the transaction that makes the job necessary: both are committed, or neither.
    pub(in crate::store) async fn enqueue_job_within(
        &self,
        transaction: &DatabaseTransaction,
        job: &NewJob,
        unless: &[JobState],
    ) -> Result<bool, StoreError> {
        // One look for each state: that is how the indexes of those that wait or run are used.
        let none = unless.iter().map(|state| {
            let state = state.as_str();
            format!(" AND NOT EXISTS (SELECT 1 FROM jobs WHERE kind = $3 AND state = '{state}')")
        });
        let none = none.collect::<String>();
        let insert = self.statement(
            format!(
                "INSERT INTO jobs (gpt_id, id, kind, state, run_at, attempts, max_attempts, \
                 payload, progress, unique_key, created_at, updated_at) \
                 SELECT $1, $2, $3, 'queued', $4, 0, $5, json($6), json('{{}}'), $7, $8, $8 \
                 WHERE 1 = 1{none} \
                 ON CONFLICT (gpt_id, unique_key) DO NOTHING"
            ),
            [
                job.gpt_id.as_ref().map_or("", GptId::as_str).into(),
                job.id.into(),
                job.kind.into(),
                job.run_at.into(),
                job.max_attempts.cast_signed().into(),
                (&job.payload).into(),
                job.unique_key.as_deref().into(),
                job.created_at.into(),
            ],
        );
        if transaction.execute_raw(insert).await?.rows_affected() == 0 {
            return Ok(false);
        }
        self.announce_jobs(transaction).await?;
        Ok(true)
    }

    /// A job of the tenant's.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_job(&self, tenant: &Tenant, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        let found = jobs::Entity::find_by_id((tenant.gpt_id().to_string(), id));
        let row = found.one(self.database().reads()).await?;
        row.map(JobRow::try_from).transpose()
    }

    /// A job of any GPT, or of the house.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn find_job(&self, id: Uuid) -> Result<Option<JobRow>, StoreError> {
        let found = jobs::Entity::find().filter(Column::Id.eq(id));
        let row = found.one(self.database().reads()).await?;
        row.map(JobRow::try_from).transpose()
    }

    /// A page of jobs, the latest first.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_jobs(&self, query: &JobQuery) -> Result<Vec<JobRow>, StoreError> {
        let mut found = jobs::Entity::find()
            .apply_if(query.gpt_id.as_ref(), |found, gpt_id| {
                found.filter(Column::GptId.eq(gpt_id.as_str()))
            })
            .apply_if(query.kind.as_deref(), |found, kind| {
                found.filter(Column::Kind.eq(kind))
            })
            .apply_if(query.state, |found, state| {
                found.filter(Column::State.eq(state.as_str()))
            });
        let select = QueryTrait::query(&mut found);
        select.limit(u64::from(query.limit));
        seek(select, (Column::CreatedAt, Column::Id), query.after, false);
        let rows = found.all(self.database().reads()).await?;
        rows.into_iter().map(JobRow::try_from).collect()
    }

    /// Queues a dead letter again, with all its attempts before it and with the progress that it
    /// had made. `None` when no dead letter has this id.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn retry_dead_job(
        &self,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Option<JobRow>, StoreError> {
        let transaction = self.begin().await?;
        let retried = self.retry_within(&transaction, id, now).await;
        if !end(transaction, retried).await? {
            return Ok(None);
        }
        self.find_job(id).await
    }

    async fn retry_within(
        &self,
        transaction: &DatabaseTransaction,
        id: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let retry = self.statement(
            "UPDATE jobs SET state = 'queued', run_at = $2, attempts = 0, error = NULL, \
             finished_at = NULL, updated_at = $2 WHERE id = $1 AND state = 'failed'",
            [id.into(), now.into()],
        );
        let retried = transaction.execute_raw(retry).await?.rows_affected() > 0;
        if retried {
            self.announce_jobs(transaction).await?;
        }
        Ok(retried)
    }

    /// Forgets what ended: jobs of the house that succeeded before `house`, which are many and say
    /// little, and all others that ended before `others`. Says how many.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn prune_jobs(&self, house: Timestamp, others: Timestamp) -> Result<u64, StoreError> {
        let is_over = Expr::col(Column::FinishedAt).lt(others);
        let is_noise = Expr::col(Column::FinishedAt)
            .lt(house)
            .and(Column::GptId.eq(""))
            .and(Column::State.eq(JobState::Succeeded.as_str()));
        let pruned = jobs::Entity::delete_many().filter(is_over.or(is_noise));
        Ok(pruned.exec(self.database().writes()).await?.rows_affected)
    }

    /// Wakes those who listen, once `transaction` is committed. SQLite has nobody to tell beyond
    /// this process.
    async fn announce_jobs(&self, transaction: &DatabaseTransaction) -> Result<(), StoreError> {
        if self.backend() == Backend::Postgres {
            let notify = self.statement("SELECT pg_notify($1, '')", [wakeups::CHANNEL.into()]);
            transaction.execute_raw(notify).await?;
        }
        Ok(())
    }
}
