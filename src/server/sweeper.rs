//! The sweeper of files: removes what was deleted or has expired, and what nobody knows.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::error::{Error, chain};
use crate::service::{FileSweep, Service};

/// How often it looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intervals {
    /// For what is due; sooner when a file was deleted.
    pub sweep: Duration,
    /// For what nobody knows: a look at every stored object.
    pub orphans: Duration,
}

/// The task that sweeps.
pub(super) struct Sweeper {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Sweeper {
    /// Starts the task.
    pub(super) fn start(service: Service, intervals: Intervals) -> Self {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(keep_sweeping(service, intervals, stopped));
        Self { stop, task }
    }

    /// Ends the task. A sweep under way is given up: every step of it can be done again.
    pub(super) async fn finish(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the sweeper failed");
        }
    }
}

async fn keep_sweeping(service: Service, intervals: Intervals, mut stopped: watch::Receiver<()>) {
    let mut interval = tokio::time::interval(intervals.sweep);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_scan = Instant::now();
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = service.files_to_sweep() => {}
            _ = stopped.changed() => return,
        }
        let is_scan_due = next_scan <= Instant::now();
        if is_scan_due {
            next_scan = Instant::now() + intervals.orphans;
        }
        tokio::select! {
            () = sweep(&service, is_scan_due) => {}
            _ = stopped.changed() => return,
        }
    }
}

async fn sweep(service: &Service, is_scan_due: bool) {
    match service.sweep_files().await {
        Ok(done) if done == FileSweep::default() => {}
        Ok(done) => tracing::info!(
            expired = done.expired,
            removed = done.removed,
            failed = done.failed,
            forgotten = done.forgotten,
            "swept files"
        ),
        Err(error) => warn(&error, "cannot sweep files"),
    }
    if !is_scan_due {
        return;
    }
    match service.remove_orphans().await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "removed stored bytes that no file has"),
        Err(error) => warn(&error, "cannot look for stored bytes that no file has"),
    }
}

fn warn(error: &Error, what: &'static str) {
    let cause = chain(error);
    tracing::warn!(cause, "{what}");
}
