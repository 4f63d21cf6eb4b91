//! Campaigns: minutes of harm, bounded, after the suite. The second nextest profile runs them one
//! at a time.

mod audit;
mod bad_lines;
mod bucket_outage;
mod deep_page;
mod file_kills;
mod flood;
mod full_disk;
mod hand_over;
mod job_kills;
mod jobs;
mod kill9;
mod large_files;
mod outage;
mod redis;
mod revocation;
mod storage;
mod three_replicas;
mod webhooks;
