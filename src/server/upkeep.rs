//! What runs beside the requests: times of last use are written, old answers are removed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::auth::Authenticator;
use crate::service::Service;

/// How often times of last use are written.
const FLUSH_INTERVAL: Duration = Duration::from_secs(10);
/// How often answers to idempotency keys are swept, in flushes.
const SWEEP_EVERY: u64 = 30;

/// The task that keeps house.
pub(super) struct Upkeep {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Upkeep {
    /// Starts the task.
    pub(super) fn start(authenticator: Arc<Authenticator>, service: Service) -> Self {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(keep(authenticator, service, stopped));
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

async fn keep(
    authenticator: Arc<Authenticator>,
    service: Service,
    mut stopped: watch::Receiver<()>,
) {
    let mut interval = tokio::time::interval(FLUSH_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut round = 0_u64;
    loop {
        let is_last = tokio::select! {
            _ = interval.tick() => false,
            _ = stopped.changed() => true,
        };
        if let Err(error) = authenticator.flush_last_used().await {
            tracing::warn!(%error, "cannot write times of last use");
        }
        if is_last {
            return;
        }
        if round.is_multiple_of(SWEEP_EVERY)
            && let Err(error) = service.sweep().await
        {
            tracing::warn!(%error, "cannot sweep idempotency keys");
        }
        round += 1;
    }
}
