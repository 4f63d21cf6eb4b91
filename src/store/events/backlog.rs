//! How much there is to forward.

use sea_orm::ConnectionTrait;

use crate::clock::Timestamp;
use crate::store::{Store, StoreError};

/// Events that were not delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventBacklog {
    /// Those that are to be.
    pub pending: i64,
    /// Dead letters.
    pub failed: i64,
    /// When the change was made that waits the longest.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// Counts the events that were not delivered.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn event_backlog(&self) -> Result<EventBacklog, StoreError> {
        let count = self.statement(
            "SELECT state, COUNT(*) AS events, MIN(changed_at) AS oldest FROM events \
             WHERE state <> 'delivered' GROUP BY state",
            [],
        );
        let mut backlog = EventBacklog::default();
        for row in self.database().reads().query_all_raw(count).await? {
            let events: i64 = row.try_get("", "events")?;
            if row.try_get::<String>("", "state")? == "failed" {
                backlog.failed = events;
            } else {
                backlog.pending = events;
                backlog.oldest = row.try_get("", "oldest")?;
            }
        }
        Ok(backlog)
    }
}
