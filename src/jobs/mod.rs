//! What is done outside of requests: the queue, the worker, and one file for each kind of job.
//!
//! The table `jobs` is the truth (`store::jobs`). A job is run at least once, and each kind sees to
//! it that doing it twice does nothing twice: by what is committed together with its progress, or
//! because it deletes what is over.

mod counters;
mod delivery;
mod export;
mod forward;
mod import;
mod lease;
mod prune;
mod queue;
mod rewrap_keys;
mod schedule;
mod sweep;
#[cfg(test)]
mod tests;
mod work;
mod worker;

use std::time::Duration;

use futures::FutureExt;

pub use counters::JobCounters;
pub use forward::ForwardSettings;
pub use queue::Queue;
pub use worker::{Worker, WorkerSettings};

use crate::service::Service;
use export::Export;
use import::Import;
use prune::Prune;
use rewrap_keys::RewrapKeys;
use sweep::Sweep;
use work::Job;

/// How long things are remembered.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Calls in the record.
    pub calls: Duration,
    /// Jobs that ended, and changes that were forwarded or could not be.
    pub jobs: Duration,
}

/// The kinds of jobs that GPTs ask for.
#[must_use]
pub fn of_gpts(service: &Service) -> Vec<Box<dyn Job>> {
    vec![
        Box::new(Import(service.clone())),
        Box::new(Export(service.clone())),
    ]
}

/// Every kind of job.
#[must_use]
pub fn all(service: &Service, memory: Memory) -> Vec<Box<dyn Job>> {
    let mut jobs = of_gpts(service);
    jobs.extend(of_the_house(service, memory));
    jobs
}

fn of_the_house(service: &Service, memory: Memory) -> Vec<Box<dyn Job>> {
    let calls = Prune {
        kind: "prune_calls",
        every: Duration::from_secs(5 * 60),
        keep: memory.calls,
        service: service.clone(),
        forget: |service, keep| service.prune_calls(keep).boxed(),
    };
    let jobs = Prune {
        kind: "prune_jobs",
        every: Duration::from_secs(60 * 60),
        keep: memory.jobs,
        service: service.clone(),
        forget: |service, keep| service.prune_jobs(keep).boxed(),
    };
    let events = Prune {
        kind: "prune_events",
        every: Duration::from_secs(60 * 60),
        keep: memory.jobs,
        service: service.clone(),
        forget: |service, keep| service.prune_events(keep).boxed(),
    };
    vec![
        Box::new(Sweep(service.clone())),
        Box::new(calls),
        Box::new(jobs),
        Box::new(events),
        Box::new(RewrapKeys(service.clone())),
    ]
}
