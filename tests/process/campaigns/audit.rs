//! The record of calls while the database is away: it waits, and so loses nothing.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::super::Caller;
use crate::support::cluster::{Cluster, Stop};
use crate::support::process::ServerProcess;

/// How long the record may take to be written once the database is back.
const PATIENCE: Duration = Duration::from_secs(20);
/// Calls before the outage, and as many during it.
const CALLS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_the_record_of_calls_waits_for_the_database() {
    let mut cluster = Cluster::start();
    let url = cluster.url("postgres");
    let server = ServerProcess::start(&url, &[]).await;
    let caller = Caller::create(&server, "alice");
    call(&caller).await;
    cluster.stop(Stop::Immediate);
    // The key was seen a moment ago, and what is asked for is no row.
    call(&caller).await;
    // Longer than the writer waits before it tries again.
    sleep(Duration::from_secs(1)).await;
    cluster.start_again();

    let start = Instant::now();
    while server.program().json_lines(&["audit", "list"]).len() < 2 * CALLS {
        assert!(start.elapsed() < PATIENCE, "{}", server.stderr());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(!server.stderr().contains("missing in the audit log"));
}

async fn call(caller: &Caller) {
    for _ in 0..CALLS {
        assert_eq!(caller.status().await, 200);
    }
}
