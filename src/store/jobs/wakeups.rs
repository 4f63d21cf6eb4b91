//! What tells workers on other machines that there is something to do: `LISTEN` and `NOTIFY`.

use sqlx::postgres::{PgListener, PgPool};

use crate::store::{Backend, Store, StoreError};

/// The channel, in the server's one namespace of channels.
pub(super) const CHANNEL: &str = "gpt_object_store_jobs";

/// Listens for jobs that are added, on a connection of its own.
pub struct JobWakeups(PgListener);

impl Store {
    /// Listens for jobs that are added by any process; `None` on SQLite, where only polls find what
    /// another process added.
    ///
    /// # Errors
    ///
    /// [`crate::store::StoreErrorKind::Unavailable`].
    pub async fn job_wakeups(&self) -> Result<Option<JobWakeups>, StoreError> {
        if self.backend() == Backend::Sqlite {
            return Ok(None);
        }
        let pool: &PgPool = self.database().writes().get_postgres_connection_pool();
        let mut listener = PgListener::connect_with(pool).await?;
        listener.ignore_pool_close_event(false);
        listener.listen(CHANNEL).await?;
        Ok(Some(JobWakeups(listener)))
    }
}

impl JobWakeups {
    /// Waits until a job was added, or until one may have been while the connection was lost.
    ///
    /// # Errors
    ///
    /// [`crate::store::StoreErrorKind::Unavailable`]; then there is nothing to wait for.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        self.0.try_recv().await?;
        Ok(())
    }
}
