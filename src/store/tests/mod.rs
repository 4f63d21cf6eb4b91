//! Tests of the store. Every behavior is tested on both databases.

mod applications;
mod audit;
mod backlog;
mod batches;
mod collections;
mod concurrency;
mod events;
mod fidelity;
mod files;
mod gpts_and_keys;
mod idempotency;
mod imports;
mod jobs;
mod lists;
mod namespaces;
mod objects;
mod outages;
mod plans;
mod schema;
mod sessions;
pub(crate) mod support;
