//! What runs beside the requests in every process: times of last use are written, and rate limits
//! forget who has rested. What concerns the database as a whole is a job (`jobs`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::MissedTickBehavior;

use crate::auth::Authenticator;
use crate::jobs::Queue;
use crate::limits::Limiter;

/// How often times of last use are written.
const FLUSH_INTERVAL: Duration = Duration::from_secs(10);
/// How often rate limits forget who has rested, in flushes.
const REST_EVERY: u64 = 6;

/// The task that keeps house.
pub(super) struct Upkeep {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// What is to be kept in order.
pub(super) struct House {
    /// Knows when keys were used.
    pub(super) authenticator: Arc<Authenticator>,
    /// Has the jobs.
    pub(super) queue: Queue,
    /// Knows who has called.
    pub(super) limiter: Limiter,
}

impl Upkeep {
    /// Starts the task.
    pub(super) fn start(house: House) -> Self {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(house.keep(stopped));
        Self { stop, task }
    }

    /// Does the last round and ends the task.
    pub(super) async fn finish(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "upkeep failed");
        }
    }
}

impl House {
    async fn keep(self, mut stopped: watch::Receiver<()>) {
        let mut interval = tokio::time::interval(FLUSH_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = 0_u64;
        loop {
            let is_last = tokio::select! {
                _ = interval.tick() => false,
                _ = stopped.changed() => true,
            };
            if let Err(error) = self.authenticator.flush_last_used().await {
                tracing::warn!(%error, "cannot write times of last use");
            }
            if is_last {
                return;
            }
            if let Err(error) = self.queue.look().await {
                tracing::warn!(%error, "cannot count the jobs");
            }
            if round.is_multiple_of(REST_EVERY) {
                self.forget_rested().await;
            }
            round += 1;
        }
    }

    /// Goes through every bucket, which may take a while, beside the requests.
    async fn forget_rested(&self) {
        let limiter = self.limiter.clone();
        if let Err(error) = spawn_blocking(move || limiter.sweep()).await {
            tracing::error!(%error, "cannot sweep rate limits");
        }
    }
}
