//! Counts what was taken back on this node, so that nothing that was cached before is believed
//! after.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often something was taken back. Clones count together.
///
/// Revocations are rare, so that one of them empties every cache of this node rather than look for
/// what it concerns. Other nodes notice when their caches age out.
#[derive(Clone, Debug, Default)]
pub struct Revocations(Arc<AtomicU64>);

impl Revocations {
    /// Notes that a key, an application or a session has changed or ended in the database.
    pub fn note(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// How often so far. What was looked up under another count may be out of date.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
