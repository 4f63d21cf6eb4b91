//! Jobs, as callers and the operator see them.

use std::time::Duration;

use uuid::Uuid;

use super::Service;
use super::pages::Rows;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::store::{JobQuery, JobRow};

/// How long jobs of the house that succeeded are known: longer than the periods of those that come
/// round.
const HOUSE_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

impl Service {
    /// One job of any GPT, or of the house, for the operator.
    ///
    /// # Errors
    /// The store's.
    pub async fn find_job(&self, id: Uuid) -> Result<Option<JobRow>, Error> {
        Ok(self.store.find_job(id).await?)
    }

    /// A page of jobs, the latest first, for the operator.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_jobs(&self, query: JobQuery) -> Result<Rows<JobRow>, Error> {
        let limit = query.limit;
        let read = JobQuery {
            limit: Rows::<JobRow>::to_read(limit),
            ..query
        };
        Ok(Rows::cut(self.store.list_jobs(&read).await?, limit))
    }

    /// Queues a dead letter again, with all its attempts before it. `None` when no dead letter has
    /// this id.
    ///
    /// # Errors
    /// The store's.
    pub async fn retry_job(&self, id: Uuid) -> Result<Option<JobRow>, Error> {
        let retried = self.store.retry_dead_job(id, Timestamp::now()).await?;
        if retried.is_some() {
            self.queue.announce().await;
        }
        Ok(retried)
    }

    /// Forgets jobs that ended longer than `keep` ago, and sooner those of the house that
    /// succeeded. Says how many.
    ///
    /// # Errors
    /// The store's.
    pub async fn prune_jobs(&self, keep: Duration) -> Result<u64, Error> {
        let now = Timestamp::now();
        let house = now.minus(HOUSE_MEMORY.min(keep));
        Ok(self.store.prune_jobs(house, now.minus(keep)).await?)
    }
}
