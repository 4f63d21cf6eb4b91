//! Three replicas on one PostgreSQL and one Redis: one limit, one revocation, and a Redis that stops
//! and starts while they are busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::super::Caller;
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;
use crate::support::redis::Redis;

/// What the help of `key revoke` and of `session end` promises.
const PROMISE: Duration = Duration::from_secs(5);
/// How long a replica may take to notice that Redis is away, or back.
const PATIENCE: Duration = Duration::from_secs(10);
/// So high that nobody is refused.
const GENEROUS: &str = "key:1000000/m,write:1000000/m,ip:1000000/m";

struct Replicas {
    servers: [ServerProcess; 3],
    redis: Redis,
    // The database goes after the servers.
    _database: ScratchDatabase,
}

impl Replicas {
    async fn start(rate_limits: &str) -> Self {
        let database = ScratchDatabase::postgres().await;
        let redis = Redis::start();
        let url = redis.url();
        let settings = [
            ("RATE_LIMITS", rate_limits),
            ("REDIS_URL", url.as_str()),
            // What tokens are issued by, and for.
            ("PUBLIC_URL", "https://memory.example"),
        ];
        let servers = [
            ServerProcess::start(database.url(), &settings).await,
            ServerProcess::start(database.url(), &settings).await,
            ServerProcess::start(database.url(), &settings).await,
        ];
        Self {
            servers,
            redis,
            _database: database,
        }
    }

    /// The GPT `alice` at each of them.
    fn callers(&self) -> [Caller; 3] {
        let caller = Caller::create(&self.servers[0], "alice");
        self.servers.each_ref().map(|server| caller.at(server))
    }

    async fn all_log(&self, what: &str) {
        let start = Instant::now();
        while !self
            .servers
            .iter()
            .all(|server| server.stderr().contains(what))
        {
            assert!(
                start.elapsed() < PATIENCE,
                "not every replica says {what:?}"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_three_replicas_admit_as_one() {
    let replicas = Replicas::start("key:60/m").await;
    let callers = replicas.callers();
    let start = Instant::now();
    // A replica that does not reach Redis in time limits by itself, so each reaches it before the crowd.
    let mut statuses = Vec::new();
    for caller in &callers {
        statuses.push(caller.status().await);
    }
    let calls = (3..240).map(|number| callers[number % 3].status());
    statuses.extend(join_all(calls).await);
    // The algorithm gives one back each second.
    let most = 60 + start.elapsed().as_secs() as usize + 1;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    println!("{} of 240 in {:?}", count(200), start.elapsed());
    assert!((60..=most).contains(&count(200)), "{statuses:?}");
    assert_eq!(count(200) + count(429), 240, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_three_replicas_refuse_what_one_revoked() {
    let replicas = Replicas::start(GENEROUS).await;
    let callers = replicas.callers();
    let program = replicas.servers[0].program();
    let created = program.json(&["app", "create", "alice", "--name", "Notes"]);
    let token = client_credentials(&replicas.servers[0], &created).await;
    let by_token = replicas
        .servers
        .each_ref()
        .map(|server| Caller::with_key(server, "alice", &token));
    for caller in callers.iter().chain(&by_token) {
        assert_eq!(caller.status().await, 200);
    }

    let key = &program.json_lines(&["key", "list", "alice"])[0];
    program
        .run(&["key", "revoke", key["id"].as_str().unwrap()])
        .succeeded();
    let session = &program.json_lines(&["session", "list"])[0];
    program
        .run(&["session", "end", session["id"].as_str().unwrap()])
        .succeeded();
    let revoked = Instant::now();
    for caller in callers.iter().chain(&by_token) {
        while caller.status().await != 401 {
            assert!(revoked.elapsed() < PROMISE, "it is still accepted");
            sleep(Duration::from_millis(20)).await;
        }
    }
    println!("refused everywhere after {:?}", revoked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_redis_stops_and_starts_under_load() {
    let mut replicas = Replicas::start(GENEROUS).await;
    let callers = replicas.callers();
    callers[0].create_collection("notes").await;
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..9)
        .map(|number| busy(callers[number % 3].clone(), Arc::clone(&stop)))
        .collect();
    sleep(Duration::from_secs(1)).await;
    replicas.redis.kill();
    replicas.all_log("Redis is away").await;
    sleep(Duration::from_secs(1)).await;
    replicas.redis.start_again();
    replicas.all_log("Redis is back").await;
    sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let mut created = 0;
    for worker in load {
        created += worker.await.unwrap();
    }
    println!("{created} objects");
    assert_eq!(callers[0].walk("notes").await.len(), created);
}

/// Creates and asks until it is told to stop, and says how many were created. Nothing may fail.
fn busy(caller: Caller, stop: Arc<AtomicBool>) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut created = 0;
        while !stop.load(Ordering::Relaxed) {
            let answer = caller
                .create_object("notes", &json!({ "n": created }))
                .await;
            assert_eq!(answer.status, 201, "{answer:?}");
            assert_eq!(caller.status().await, 200);
            created += 1;
        }
        created
    })
}

async fn client_credentials(server: &ServerProcess, created: &serde_json::Value) -> String {
    let form = json!({
        "grant_type": "client_credentials",
        "client_id": created["client_id"],
        "client_secret": created["client_secret"],
    });
    let request = crate::support::http::client().post(server.url("/oauth/token"));
    let answer = super::super::Answer::to(request.json(&form)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["access_token"].as_str().unwrap().to_owned()
}
