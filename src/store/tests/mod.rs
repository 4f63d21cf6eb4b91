//! Tests of the store. Every behavior is tested on both databases.

mod audit;
mod batches;
mod collections;
mod concurrency;
mod fidelity;
mod gpts_and_keys;
mod idempotency;
mod lists;
mod objects;
mod outages;
mod plans;
mod schema;
pub(in crate::store) mod support;
