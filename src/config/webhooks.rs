//! Where changes may be forwarded to, and how.

use std::time::Duration;

use super::Source;
use crate::receivers::{Hosts, Networks, Receivers};

/// How changes are forwarded.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where to.
    pub receivers: Receivers,
    /// How long a receiver may take to answer.
    pub timeout: Duration,
    /// Attempts before an event is a dead letter.
    pub attempts: u32,
    /// GPTs for which a process forwards at once.
    pub concurrency: u32,
}

impl WebhookConfig {
    pub(super) fn read(source: &mut Source) -> Self {
        let config = Self {
            receivers: Receivers {
                hosts: source.get("WEBHOOK_HOSTS", Hosts::default()),
                internal: source.get("WEBHOOK_NETWORKS", Networks::default()),
            },
            timeout: Duration::from_secs(source.get("WEBHOOK_TIMEOUT_SECONDS", 15)),
            attempts: source.get("WEBHOOK_ATTEMPTS", 10),
            concurrency: source.get("WEBHOOK_CONCURRENCY", 16),
        };
        if !(1..=60).contains(&config.timeout.as_secs()) {
            source.fault("WEBHOOK_TIMEOUT_SECONDS", "must be from 1 to 60");
        }
        if !(1..=100).contains(&config.attempts) {
            source.fault("WEBHOOK_ATTEMPTS", "must be from 1 to 100");
        }
        if !(1..=256).contains(&config.concurrency) {
            source.fault("WEBHOOK_CONCURRENCY", "must be from 1 to 256");
        }
        config
    }
}
