//! A worker, beside the requests or by itself.

use super::{open_files, service};
use crate::config::Config;
use crate::error::Error;
use crate::jobs::{
    ForwardSettings, HouseRules, Queue, Worker, WorkerSettings, of_gpts, of_the_house,
};
use crate::service::Service;
use crate::store::Store;

/// Starts a worker for what GPTs ask for, in a command that asks for it and waits.
///
/// # Errors
/// As [`super::Server::new`].
pub fn start_for_gpts(config: &Config, store: Store) -> Result<(Service, Worker), Error> {
    let queue = Queue::new(store.clone(), config.redis_url.as_deref())?;
    // No link to a part is signed here.
    let files = open_files(&config.files, store.backend(), &[])?;
    let service = service(config, store)?
        .with_queue(queue.clone())
        .with_files(files);
    let worker = Worker::start(queue, settings(config)).working_off(of_gpts(&service));
    Ok((service, worker))
}

/// Starts a worker that works off `queue` with `service`.
///
/// # Errors
/// When TLS cannot be set up.
pub(super) fn start(config: &Config, service: &Service, queue: Queue) -> Result<Worker, Error> {
    let purge_every = config.files.sweep_interval;
    let rules = HouseRules {
        keep_calls: config.audit.keep,
        keep_jobs: config.worker.keep,
        purge_every,
        // What is younger is left alone anyway; but not all the time, when nothing is.
        orphans_every: config.files.rules.orphan_age.max(purge_every),
    };
    let forward = ForwardSettings {
        timeout: config.webhooks.timeout,
        attempts: config.webhooks.attempts,
        concurrency: config.webhooks.concurrency,
        lease: config.worker.lease,
        poll: config.worker.poll,
    };
    Worker::start(queue, settings(config))
        .working_off(of_gpts(service))
        .working_off(of_the_house(service, rules))
        .forwarding(service.clone(), forward)
}

fn settings(config: &Config) -> WorkerSettings {
    WorkerSettings {
        concurrency: config.worker.concurrency,
        poll: config.worker.poll,
        lease: config.worker.lease,
        grace: config.http.shutdown_grace,
    }
}
