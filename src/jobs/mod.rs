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
mod purge;
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
use purge::Purge;
use rewrap_keys::RewrapKeys;
use sweep::Sweep;
use work::Job;

/// How the house is kept.
#[derive(Clone, Copy, Debug)]
pub struct HouseRules {
    /// How long calls in the record are remembered.
    pub keep_calls: Duration,
    /// How long jobs that ended are remembered, and changes that were forwarded or could not be.
    pub keep_jobs: Duration,
    /// How often what has expired is looked for, and bytes that are still to be removed.
    pub purge_every: Duration,
    /// How often every stored object is looked at.
    pub orphans_every: Duration,
}

/// The kinds of jobs that GPTs ask for.
#[must_use]
pub fn of_gpts(service: &Service) -> Vec<Box<dyn Job>> {
    vec![
        Box::new(Import(service.clone())),
        Box::new(Export(service.clone())),
    ]
}

/// The kinds of jobs of the house.
#[must_use]
pub fn of_the_house(service: &Service, rules: HouseRules) -> Vec<Box<dyn Job>> {
    let calls = Prune {
        kind: "prune_calls",
        every: Duration::from_secs(5 * 60),
        keep: rules.keep_calls,
        service: service.clone(),
        forget: |service, keep| service.prune_calls(keep).boxed(),
    };
    let jobs = Prune {
        kind: "prune_jobs",
        every: Duration::from_secs(60 * 60),
        keep: rules.keep_jobs,
        service: service.clone(),
        forget: |service, keep| service.prune_jobs(keep).boxed(),
    };
    let events = Prune {
        kind: "prune_events",
        every: Duration::from_secs(60 * 60),
        keep: rules.keep_jobs,
        service: service.clone(),
        forget: |service, keep| service.prune_events(keep).boxed(),
    };
    let mut all: Vec<Box<dyn Job>> = vec![
        Box::new(Sweep(service.clone())),
        Box::new(calls),
        Box::new(jobs),
        Box::new(events),
    ];
    // Whoever cannot reach the bytes leaves them to those who can.
    if service.serves_files() {
        let files = [
            Purge::files(service.clone(), rules.purge_every),
            Purge::gpts(service.clone()),
            Purge::orphans(service.clone(), rules.orphans_every),
        ];
        all.extend(files.map(|purge| Box::new(purge) as Box<dyn Job>));
        all.push(Box::new(RewrapKeys(service.clone())));
    }
    all
}
