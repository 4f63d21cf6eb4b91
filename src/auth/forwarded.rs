//! What names the change that a call made, once it is to be forwarded.

use std::sync::{Arc, OnceLock};

use uuid::Uuid;

/// Empty until something was changed whose changes are forwarded. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct ForwardedChange(Arc<OnceLock<Uuid>>);

impl ForwardedChange {
    /// Notes the change; a call makes one.
    pub fn note(&self, change_id: Uuid) {
        // One is there only if a call makes two, and then the first stands for both.
        let _first = self.0.set(change_id);
    }

    /// The change, if there was one.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        self.0.get().copied()
    }
}
