//! The record of calls.

use std::time::Duration;

use super::Source;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the record of calls is kept.
#[derive(Clone, Copy, Debug)]
pub struct AuditConfig {
    /// After this a call is forgotten.
    pub keep: Duration,
}

impl AuditConfig {
    pub(super) fn read(source: &mut Source) -> Self {
        let days: u32 = source.get("AUDIT_DAYS", 90);
        if days == 0 {
            source.fault("AUDIT_DAYS", "must be at least 1");
        }
        Self { keep: DAY * days }
    }
}
