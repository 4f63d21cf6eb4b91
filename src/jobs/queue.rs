//! Where jobs are handed in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};

use super::counters::JobCounters;
use super::delivery::Delivery;
use crate::error::Error;
use crate::store::{EventBacklog, JobBacklog, JobState, NewJob, Store};

/// Adds jobs to the table, and wakes the workers. Cheap to clone.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    store: Store,
    delivery: Option<Delivery>,
    here: watch::Sender<()>,
    changes: Notify,
    forwards_here: AtomicBool,
    counters: JobCounters,
    backlog: Mutex<(JobBacklog, EventBacklog)>,
}

impl Queue {
    /// The queue in `store`. Workers elsewhere are woken by the Redis at `redis_url`, else by
    /// PostgreSQL; what neither told them they find when they look next.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn new(store: Store, redis_url: Option<&str>) -> Result<Self, Error> {
        let delivery = redis_url.map(Delivery::new).transpose()?;
        Ok(Self::with(store, delivery))
    }

    /// The queue in `store`, without Redis.
    #[must_use]
    pub fn local(store: Store) -> Self {
        Self::with(store, None)
    }

    fn with(store: Store, delivery: Option<Delivery>) -> Self {
        Self(Arc::new(Inner {
            store,
            delivery,
            here: watch::Sender::default(),
            changes: Notify::new(),
            forwards_here: AtomicBool::new(false),
            counters: JobCounters::default(),
            backlog: Mutex::default(),
        }))
    }

    /// Adds a job, durably. False when one with its unique key is there already.
    ///
    /// # Errors
    /// The store's. That nobody could be woken is none.
    pub async fn enqueue(&self, job: &NewJob) -> Result<bool, Error> {
        self.enqueue_unless(job, &[]).await
    }

    /// The same, unless one of its kind is there in one of `states`.
    ///
    /// # Errors
    /// The same.
    pub async fn enqueue_unless(&self, job: &NewJob, states: &[JobState]) -> Result<bool, Error> {
        let added = self.0.store.enqueue_job_unless(job, states).await?;
        if added {
            JobCounters::note(&self.0.counters.enqueued);
            self.announce().await;
        }
        Ok(added)
    }

    /// Wakes a worker, after a job was added or queued again.
    pub async fn announce(&self) {
        self.wake();
        let Some(delivery) = &self.0.delivery else {
            return;
        };
        if !delivery.announce().await {
            JobCounters::note(&self.0.counters.delivery_failures);
        }
    }

    /// Wakes a forwarder, after changes were made that are to be forwarded.
    pub async fn announce_changes(&self) {
        self.0.changes.notify_one();
        if self.0.forwards_here.load(Ordering::Relaxed) {
            return;
        }
        if let Some(delivery) = &self.0.delivery
            && !delivery.announce().await
        {
            JobCounters::note(&self.0.counters.delivery_failures);
        }
    }

    /// Counts what there is to do, for [`Queue::backlog`].
    ///
    /// # Errors
    /// The store's.
    pub async fn look(&self) -> Result<(), Error> {
        let store = &self.0.store;
        let found = (store.job_backlog().await?, store.event_backlog().await?);
        *self
            .0
            .backlog
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }

    /// What there was to do and to forward when [`Queue::look`] looked last, in all processes.
    #[must_use]
    pub fn backlog(&self) -> (JobBacklog, EventBacklog) {
        *self
            .0
            .backlog
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of jobs in this process.
    #[must_use]
    pub fn counters(&self) -> &JobCounters {
        &self.0.counters
    }

    /// Wakes the worker of this process.
    pub(super) fn wake(&self) {
        self.0.here.send_replace(());
        self.0.changes.notify_one();
    }

    /// Notes that this process forwards, so that nobody else need be told.
    pub(super) fn forwards_here(&self) {
        self.0.forwards_here.store(true, Ordering::Relaxed);
    }

    /// Waits until there may be something to forward.
    pub(super) async fn changed(&self) {
        self.0.changes.notified().await;
    }

    /// What changes whenever there may be something to do.
    pub(super) fn wakeups(&self) -> watch::Receiver<()> {
        self.0.here.subscribe()
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn delivery(&self) -> Option<&Delivery> {
        self.0.delivery.as_ref()
    }
}
