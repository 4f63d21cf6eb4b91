//! Tests of the real program as a process: its commands, its start and stop, and campaigns that
//! kill it, take its database away or flood it.

mod applications;
mod audit;
mod backups;
mod caller;
mod campaigns;
mod commands;
mod compose;
mod contract;
mod file_calls;
mod file_service;
mod files;
mod first_run;
mod help;
mod keys;
mod limits;
mod log;
mod metrics;
mod oauth;
mod openai_sdks;
mod operators;
mod prometheus;
mod replicas;
mod secrets;
mod stop;
mod storage;
mod tls;
mod tokens;
mod traces;
mod transfers;
mod webhooks;
mod worker;

use std::time::{Duration, Instant};

use tokio::time::sleep;

use caller::{Answer, Caller};
use worker::Worker;

/// Waits until it is so, at most for `patience`.
async fn until(patience: Duration, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "it never is so");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Makes two tests of a function that takes a `ScratchDatabase`.
macro_rules! on_each_database {
    ($name:ident) => {
        mod $name {
            use crate::support::cluster::ScratchDatabase;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(ScratchDatabase::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(ScratchDatabase::postgres().await).await;
            }
        }
    };
}
use on_each_database;
