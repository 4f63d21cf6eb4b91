//! The sweeper of files: removes what was deleted or has expired, and what nobody knows.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior};

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

/// The tasks that sweep: one for what is due, one for what nobody knows, which takes its time.
pub(super) struct Sweeper {
    stop: watch::Sender<()>,
    tasks: [JoinHandle<()>; 2],
}

impl Sweeper {
    /// Starts the tasks.
    pub(super) fn start(service: Service, intervals: Intervals) -> Self {
        let (stop, stopped) = watch::channel(());
        let sweeping = keep_sweeping(service.clone(), intervals.sweep, stopped.clone());
        // Not more often than what is due, even if nothing is left alone.
        let interval = intervals.orphans.max(intervals.sweep);
        let looking = keep_looking(service, interval, stopped);
        let tasks = [tokio::spawn(sweeping), tokio::spawn(looking)];
        Self { stop, tasks }
    }

    /// Ends the tasks. What is under way is given up: every step of it can be done again.
    pub(super) async fn finish(self) {
        drop(self.stop);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "the sweeper failed");
            }
        }
    }
}

async fn keep_sweeping(service: Service, every: Duration, mut stopped: watch::Receiver<()>) {
    let mut interval = paced(every);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = service.files_to_sweep() => {}
            _ = stopped.changed() => return,
        }
        tokio::select! {
            () = sweep(&service) => {}
            _ = stopped.changed() => return,
        }
    }
}

async fn keep_looking(service: Service, every: Duration, mut stopped: watch::Receiver<()>) {
    let mut interval = paced(every);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stopped.changed() => return,
        }
        tokio::select! {
            () = look_for_orphans(&service) => {}
            _ = stopped.changed() => return,
        }
    }
}

fn paced(every: Duration) -> Interval {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn sweep(service: &Service) {
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
}

async fn look_for_orphans(service: &Service) {
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
