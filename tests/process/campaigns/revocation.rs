//! How long a key that is in use outlives its revocation by another process.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::super::{Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

/// What the help of `key revoke` promises.
const PROMISE: Duration = Duration::from_secs(5);

on_each_database!(campaign_revocation);

async fn campaign_revocation(database: ScratchDatabase) {
    let server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    assert_eq!(caller.status().await, 200);
    let key = &server.program().json_lines(&["key", "list", "alice"])[0];
    let id = key["id"].as_str().unwrap();
    server.program().run(&["key", "revoke", id]).succeeded();

    let revoked = Instant::now();
    while caller.status().await != 401 {
        assert!(revoked.elapsed() < PROMISE, "the key still works");
        sleep(Duration::from_millis(50)).await;
    }
    println!("refused after {:?}", revoked.elapsed());
    assert_eq!(caller.status().await, 401);
}
