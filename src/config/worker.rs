//! The worker.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use super::Source;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether `serve` is a worker too, and how workers work.
#[derive(Clone, Copy, Debug)]
pub struct WorkerConfig {
    /// Whether `serve` works beside answering requests.
    pub is_on: bool,
    /// Where a process that only works tells how it is; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// Jobs that a process does at once: so many of GPTs, and so many of the house.
    pub concurrency: u32,
    /// How often it looks for what nothing told it of.
    pub poll: Duration,
    /// How long a job waits for a worker that has died.
    pub lease: Duration,
    /// How long jobs that ended are known.
    pub keep: Duration,
}

impl WorkerConfig {
    pub(super) fn read(source: &mut Source) -> Self {
        let config = Self {
            is_on: source.get("WORKER", Switch(true)).0,
            listen: source.find("WORKER_LISTEN"),
            concurrency: source.get("WORKER_CONCURRENCY", 2),
            poll: Duration::from_millis(source.get("WORKER_POLL_MILLISECONDS", 1000)),
            lease: Duration::from_secs(source.get("WORKER_LEASE_SECONDS", 30)),
            keep: DAY * source.get("JOBS_DAYS", 30),
        };
        if !(1..=64).contains(&config.concurrency) {
            source.fault("WORKER_CONCURRENCY", "must be from 1 to 64");
        }
        for (name, time) in [
            ("WORKER_POLL_MILLISECONDS", config.poll),
            ("WORKER_LEASE_SECONDS", config.lease),
            ("JOBS_DAYS", config.keep),
        ] {
            if time.is_zero() {
                source.fault(name, "must be at least 1");
            }
        }
        config
    }
}

#[derive(Clone, Copy)]
struct Switch(bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err("must be on or off"),
        }
    }
}
