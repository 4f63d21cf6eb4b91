//! Redis goes away and comes back while callers go on.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::super::Caller;
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;
use crate::support::redis::Redis;

/// How long a node may take to notice that Redis is back.
const PATIENCE: Duration = Duration::from_secs(10);
const AWAY: &str = "Redis is away";
const BACK: &str = "Redis is back";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_limits_without_redis() {
    let mut redis = Redis::start();
    let database = ScratchDatabase::sqlite();
    let redis_url = redis.url();
    let settings = [
        ("RATE_LIMITS", "key:4/h"),
        ("REDIS_URL", redis_url.as_str()),
    ];
    let server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    assert_eq!(admitted(&caller, 6).await, 4);

    redis.kill();
    assert_eq!(
        admitted(&caller, 30).await,
        4,
        "the node has a bucket of its own"
    );
    wait_for(&server, AWAY).await;

    redis.start_again();
    let start = Instant::now();
    while !server.stderr().contains(BACK) {
        assert!(start.elapsed() < PATIENCE, "{}", server.stderr());
        // The new Redis knows nothing of the calls before, so this may be let in.
        caller.status().await;
        sleep(Duration::from_millis(50)).await;
    }
    let left = admitted(&caller, 6).await;
    assert!(left <= 4, "{left}");
    assert_eq!(caller.status().await, 429);
    for change in [AWAY, BACK] {
        assert_eq!(server.stderr().matches(change).count(), 1, "{change}");
    }
}

/// How many of so many calls were let in; none may be answered with anything but 200 and 429, and
/// none may wait for a Redis that is away.
async fn admitted(caller: &Caller, calls: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..calls {
        let start = Instant::now();
        let status = caller.status().await;
        assert!([200, 429].contains(&status), "{status}");
        assert!(
            start.elapsed() < Duration::from_millis(500),
            "{:?}",
            start.elapsed()
        );
        admitted += usize::from(status == 200);
    }
    admitted
}

/// The log is written beside the requests.
async fn wait_for(server: &ServerProcess, line: &str) {
    let start = Instant::now();
    while !server.stderr().contains(line) {
        assert!(start.elapsed() < PATIENCE, "{}", server.stderr());
        sleep(Duration::from_millis(10)).await;
    }
}
