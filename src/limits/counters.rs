//! How often was decided what.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Bucket, Decision};

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Counters {
    allowed: AtomicU64,
    by_key: AtomicU64,
    by_write: AtomicU64,
    by_ip: AtomicU64,
    by_failure: AtomicU64,
    redis_failures: AtomicU64,
}

/// How many requests each kind of bucket refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Denials {
    /// Calls of keys.
    pub by_key: u64,
    /// Writing calls of keys.
    pub by_write: u64,
    /// Calls from addresses.
    pub by_ip: u64,
    /// Failed authentications.
    pub by_failure: u64,
}

impl Counters {
    pub(super) fn note(&self, decision: &Decision) {
        let counter = match (decision.wait, decision.bucket) {
            (None, _) => &self.allowed,
            (Some(_), Bucket::Key) => &self.by_key,
            (Some(_), Bucket::Write) => &self.by_write,
            (Some(_), Bucket::Ip) => &self.by_ip,
            (Some(_), Bucket::Failure) => &self.by_failure,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_redis_failure(&self) {
        self.redis_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Claims that were let in.
    #[must_use]
    pub fn allowed(&self) -> u64 {
        self.allowed.load(Ordering::Relaxed)
    }

    /// Claims that were refused.
    #[must_use]
    pub fn denied(&self) -> Denials {
        Denials {
            by_key: self.by_key.load(Ordering::Relaxed),
            by_write: self.by_write.load(Ordering::Relaxed),
            by_ip: self.by_ip.load(Ordering::Relaxed),
            by_failure: self.by_failure.load(Ordering::Relaxed),
        }
    }

    /// Times that Redis did not answer, or not in time.
    #[must_use]
    pub fn redis_failures(&self) -> u64 {
        self.redis_failures.load(Ordering::Relaxed)
    }
}
