//! What is done outside of requests: the queue, the worker, and the kinds of jobs.
//!
//! The table `jobs` is the truth (`store::jobs`). A job is run at least once, and each kind sees to
//! it that doing it twice does nothing twice: by what is committed together with its progress, or
//! because it deletes what is over.

mod counters;
mod delivery;
mod forward;
mod kinds;
mod lease;
mod queue;
mod schedule;
#[cfg(test)]
mod tests;
mod work;
mod worker;

pub use counters::JobCounters;
pub use forward::ForwardSettings;
pub use kinds::{HouseRules, of_gpts, of_the_house};
pub use queue::Queue;
pub use worker::{Worker, WorkerSettings};
