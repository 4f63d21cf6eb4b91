//! How much there is to do.

use sea_orm::ConnectionTrait;

use crate::clock::Timestamp;
use crate::store::{Store, StoreError};

/// Jobs that are not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobBacklog {
    /// Those that wait, due or not.
    pub queued: i64,
    /// Those that somebody works on, or left behind.
    pub running: i64,
    /// Dead letters.
    pub failed: i64,
    /// When the first of those that wait was or is due.
    pub next: Option<Timestamp>,
}

impl Store {
    /// Counts the jobs that are not done.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn job_backlog(&self) -> Result<JobBacklog, StoreError> {
        let count = self.statement(
            "SELECT state, COUNT(*) AS jobs, MIN(run_at) AS next FROM jobs \
             WHERE state IN ('queued', 'running', 'failed') GROUP BY state",
            [],
        );
        let mut backlog = JobBacklog::default();
        for row in self.database().reads().query_all_raw(count).await? {
            let state: String = row.try_get("", "state")?;
            let jobs: i64 = row.try_get("", "jobs")?;
            match state.as_str() {
                "queued" => {
                    backlog.queued = jobs;
                    backlog.next = row.try_get("", "next")?;
                }
                "running" => backlog.running = jobs,
                _ => backlog.failed = jobs,
            }
        }
        Ok(backlog)
    }
}
