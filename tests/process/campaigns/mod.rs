//! Campaigns: minutes of harm, bounded, after the suite. The second nextest profile runs them one
//! at a time.

mod audit;
mod deep_page;
mod flood;
mod kill9;
mod outage;
mod redis;
mod revocation;
mod storage;
