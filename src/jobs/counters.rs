//! What became of jobs in this process.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct JobCounters {
    pub(super) enqueued: AtomicU64,
    pub(super) claimed: AtomicU64,
    pub(super) succeeded: AtomicU64,
    pub(super) put_off: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) handed_back: AtomicU64,
    pub(super) delivery_failures: AtomicU64,
    pub(super) events_delivered: AtomicU64,
    pub(super) events_put_off: AtomicU64,
    pub(super) events_failed: AtomicU64,
}

impl JobCounters {
    pub(super) fn note(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Jobs that were added.
    #[must_use]
    pub fn enqueued(&self) -> u64 {
        self.enqueued.load(Ordering::Relaxed)
    }

    /// Jobs that were claimed.
    #[must_use]
    pub fn claimed(&self) -> u64 {
        self.claimed.load(Ordering::Relaxed)
    }

    /// Jobs that were done.
    #[must_use]
    pub fn succeeded(&self) -> u64 {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// Attempts that failed and are followed by another.
    #[must_use]
    pub fn put_off(&self) -> u64 {
        self.put_off.load(Ordering::Relaxed)
    }

    /// Jobs that became dead letters.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Jobs that went to another worker because their lease was not renewed in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Jobs that a stop gave back unfinished.
    #[must_use]
    pub fn handed_back(&self) -> u64 {
        self.handed_back.load(Ordering::Relaxed)
    }

    /// Changes that a receiver took.
    #[must_use]
    pub fn events_delivered(&self) -> u64 {
        self.events_delivered.load(Ordering::Relaxed)
    }

    /// Deliveries of changes that failed and are followed by another.
    #[must_use]
    pub fn events_put_off(&self) -> u64 {
        self.events_put_off.load(Ordering::Relaxed)
    }

    /// Changes that were given up.
    #[must_use]
    pub fn events_failed(&self) -> u64 {
        self.events_failed.load(Ordering::Relaxed)
    }

    /// How often Redis could not be told, or did not tell, that there is something to do.
    #[must_use]
    pub fn delivery_failures(&self) -> u64 {
        self.delivery_failures.load(Ordering::Relaxed)
    }
}
