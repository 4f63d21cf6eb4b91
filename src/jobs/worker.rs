//! The worker: claims what is due, and does it.

mod run;
mod wakeups;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use uuid::Uuid;

use super::counters::JobCounters;
use super::forward::{ForwardSettings, Forwarding};
use super::queue::Queue;
use super::schedule::Schedule;
use super::work::{Job, Work};
use crate::clock::Timestamp;
use crate::error::{Error, chain};
use crate::service::Service;

/// How a worker works.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSettings {
    /// Jobs at once, of those that are worked off together.
    pub concurrency: u32,
    /// How often it looks for what nothing told it of.
    pub poll: Duration,
    /// How long a job is its own without a renewal.
    pub lease: Duration,
    /// How long a stop lets jobs finish before they are handed back.
    pub grace: Duration,
}

/// The tasks that work.
pub struct Worker {
    queue: Queue,
    settings: WorkerSettings,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// What a task that works has.
struct Working {
    name: String,
    queue: Queue,
    jobs: Vec<Box<dyn Job>>,
    settings: WorkerSettings,
    stopped: watch::Receiver<bool>,
}

impl Worker {
    /// Starts listening to what tells of jobs in `queue`.
    #[must_use]
    pub fn start(queue: Queue, settings: WorkerSettings) -> Self {
        let (stop, stopped) = watch::channel(false);
        let listening = tokio::spawn(wakeups::listen(queue.clone(), stopped));
        Self {
            queue,
            settings,
            stop,
            tasks: vec![listening],
        }
    }

    /// Starts working off jobs of these kinds, as many at once as the settings say, whatever other
    /// kinds it works off: imports may last all day, and are not to hold up what keeps the house.
    #[must_use]
    pub fn working_off(mut self, jobs: Vec<Box<dyn Job>>) -> Self {
        let working = Working {
            name: name(),
            queue: self.queue.clone(),
            jobs,
            settings: self.settings,
            stopped: self.stop.subscribe(),
        };
        let working = tokio::spawn(Arc::new(working).keep_working());
        self.tasks.push(working);
        self
    }

    /// Starts forwarding changes too.
    ///
    /// # Errors
    /// When the service knows no webhooks, or TLS cannot be set up.
    pub fn forwarding(
        mut self,
        service: Service,
        settings: ForwardSettings,
    ) -> Result<Self, Error> {
        let stopped = self.stop.subscribe();
        let queue = self.queue.clone();
        let forwarding = Forwarding::new(name(), queue, service, settings, stopped)?;
        self.queue.forwards_here();
        self.tasks.push(tokio::spawn(forwarding.keep_forwarding()));
        Ok(self)
    }

    /// Claims nothing from now on; the grace begins.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Claims nothing any more, lets jobs finish for the grace, and hands back what has not.
    pub async fn finish(self) {
        self.stop();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "the worker failed");
            }
        }
    }
}

/// Unlike any other worker's, also of a process with the same number on another machine.
fn name() -> String {
    format!("{}-{}", std::process::id(), Uuid::now_v7().simple())
}

impl Working {
    async fn keep_working(self: Arc<Self>) {
        let mut running = JoinSet::new();
        let mut schedule = Schedule::default();
        let mut stopped = self.stopped.clone();
        let mut woken = self.queue.wakeups();
        let mut is_away = false;
        while !*stopped.borrow() {
            let looked = self.look(&mut schedule, &mut running).await;
            match &looked {
                Err(error) if !is_away => {
                    let cause = chain(error);
                    tracing::warn!(cause, "the worker cannot reach the database");
                }
                Ok(()) if is_away => tracing::info!("the worker reaches the database again"),
                _ => {}
            }
            is_away = looked.is_err();
            tokio::select! {
                // Also when the sender of the signal is gone.
                _ = stopped.wait_for(|stopped| *stopped) => break,
                Some(_) = running.join_next() => {}
                _ = woken.changed(), if !is_away && self.room(&running) > 0 => {}
                () = sleep(self.settings.poll) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Plans what comes round, and takes on as much as there is room for.
    async fn look(
        self: &Arc<Self>,
        schedule: &mut Schedule,
        running: &mut JoinSet<()>,
    ) -> Result<(), Error> {
        let now = Timestamp::now();
        schedule.plan(&self.queue, &self.jobs, now).await?;
        while running.try_join_next().is_some() {}
        let room = self.room(running);
        if room == 0 {
            return Ok(());
        }
        let kinds: Vec<_> = self.jobs.iter().map(|job| job.kind()).collect();
        let until = now.plus(self.settings.lease);
        let store = self.queue.store();
        let claimed = store
            .claim_jobs(&kinds, &self.name, now, until, room)
            .await?;
        for (row, held) in claimed {
            JobCounters::note(&self.queue.counters().claimed);
            running.spawn(self.clone().work(Work { row, held }));
        }
        Ok(())
    }

    fn room(&self, running: &JoinSet<()>) -> u32 {
        let running = u32::try_from(running.len()).unwrap_or(u32::MAX);
        self.settings.concurrency.saturating_sub(running)
    }
}
