//! PostgreSQL stopped and started under load: 503 problem documents meanwhile, full service soon
//! after, nothing acknowledged lost, and no restart of ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use reqwest::RequestBuilder;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::{Answer, Caller};
use crate::support::cluster::{Cluster, Stop};
use crate::support::process::ServerProcess;

const CLIENTS: usize = 32;
/// How each outage begins and how long it lasts: the first outlasts any wait for a connection.
const OUTAGES: [(Stop, Duration); 4] = [
    (Stop::Fast, Duration::from_secs(5)),
    (Stop::Immediate, Duration::from_secs(2)),
    (Stop::Fast, Duration::from_secs(2)),
    (Stop::Immediate, Duration::from_secs(4)),
];
/// Longest that a request may wait for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest that whoever watches the health waits; `gpt-object-store health` gives up after 5 s.
const HEALTH_PATIENCE: Duration = Duration::from_secs(4);
/// Longest from the database's return to full service.
const RECOVERY: Duration = Duration::from_secs(5);
/// How long full service is watched.
const WATCH: Duration = Duration::from_secs(1);

/// The moments of an outage: the database is told to stop, has stopped, is started again, takes
/// connections.
struct Outage {
    begun: Instant,
    stopped: Instant,
    starting: Instant,
    started: Instant,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_postgres_outage() {
    let mut cluster = Cluster::start();
    let server = ServerProcess::start(&cluster.url("postgres"), &[]).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;

    let is_over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(Client::new(&caller).work(Arc::clone(&is_over)));
    }
    sleep(WATCH).await;
    let mut outages = Vec::new();
    for (how, length) in OUTAGES {
        outages.push(outage(&mut cluster, how, length, &server).await);
        // What was asked in the time watched is answered before the next outage begins.
        sleep(RECOVERY + 2 * WATCH).await;
        assert_eq!(caller.get("/health").await.body["status"], "ok");
    }
    is_over.store(true, Ordering::Relaxed);
    let clients = clients.join_all().await;

    let observations = clients.iter().flat_map(|client| &client.observations);
    assert_answers(&observations.collect::<Vec<_>>(), &outages);
    let kept = clients.iter().flat_map(|client| &client.counters);
    let verified = stream::iter(kept).map(|counter| counter.verify(&caller));
    verified.buffer_unordered(CLIENTS).collect::<Vec<_>>().await;
}

async fn outage(
    cluster: &mut Cluster,
    how: Stop,
    length: Duration,
    server: &ServerProcess,
) -> Outage {
    let begun = Instant::now();
    cluster.stop(how);
    let stopped = Instant::now();
    let health = server.program().run(&["health"]);
    let took = stopped.elapsed();
    assert!(took < HEALTH_PATIENCE, "`health` took {took:?}");
    assert_eq!((health.code, health.stdout.trim()), (Some(1), "degraded"));
    sleep(length.saturating_sub(stopped.elapsed())).await;
    let starting = Instant::now();
    cluster.start_again();
    Outage {
        begun,
        stopped,
        starting,
        started: Instant::now(),
    }
}

fn assert_answers(observations: &[&Observation], outages: &[Outage]) {
    let slowest = observations.iter().map(|seen| seen.took).max().unwrap();
    println!("{} answers, the slowest {slowest:?}", observations.len());
    assert!(slowest < PATIENCE, "an answer took {slowest:?}");
    for (number, outage) in outages.iter().enumerate() {
        let wrong = observations.iter().filter(|seen| {
            seen.start > outage.stopped && seen.end() < outage.starting && seen.is_success
        });
        assert_eq!(wrong.count(), 0, "answers without a database in {number}");

        let recovered = outage.started + RECOVERY;
        let refused = observations
            .iter()
            .filter(|seen| seen.end() > outage.begun && seen.start < recovered && !seen.is_success);
        let last = refused.clone().map(|seen| seen.start).max();
        let last = last.unwrap_or_else(|| panic!("nobody noticed outage {number}"));
        println!(
            "outage {number}: {} 503, none for requests later than {:?} after the database's return",
            refused.count(),
            last.saturating_duration_since(outage.started)
        );

        let is_late =
            |seen: &&&Observation| seen.start > recovered && seen.start < recovered + WATCH;
        let late = observations.iter().filter(is_late);
        assert!(
            late.clone().all(|seen| seen.is_success),
            "not well after {number}"
        );
        assert!(late.count() >= CLIENTS, "too few answers after {number}");
    }
}

/// One answer.
struct Observation {
    start: Instant,
    took: Duration,
    is_success: bool,
}

impl Observation {
    fn end(&self) -> Instant {
        self.start + self.took
    }
}

/// An object whose `n` only grows.
struct Counter {
    id: String,
    version: i64,
    acknowledged: i64,
    attempted: i64,
}

/// A client with a mixed load of its own.
struct Client {
    caller: Caller,
    observations: Vec<Observation>,
    counters: Vec<Counter>,
}

impl Client {
    fn new(caller: &Caller) -> Self {
        Self {
            caller: caller.clone(),
            observations: Vec::new(),
            counters: Vec::new(),
        }
    }

    async fn work(mut self, is_over: Arc<AtomicBool>) -> Self {
        while !is_over.load(Ordering::Relaxed) {
            self.create().await;
            for _ in 0..3 {
                self.read().await;
                self.increment().await;
            }
            sleep(Duration::from_millis(10)).await;
        }
        self
    }

    async fn create(&mut self) {
        let request = self.caller.creation("notes", &json!({ "n": 0 }));
        if let Some(answer) = self.send(request).await {
            self.counters.push(Counter {
                id: answer.id(),
                version: 1,
                acknowledged: 0,
                attempted: 0,
            });
        }
    }

    async fn read(&mut self) {
        let list = self
            .caller
            .request(reqwest::Method::GET, "notes/objects?limit=5");
        self.send(list).await;
        let Some(counter) = self.counters.last() else {
            return;
        };
        let path = format!("/v1/objects/{}", counter.id);
        let get = self.caller.request(reqwest::Method::GET, &path);
        let (acknowledged, attempted) = (counter.acknowledged, counter.attempted);
        if let Some(answer) = self.send(get).await {
            let n = answer.body["body"]["n"].as_i64().unwrap();
            assert!((acknowledged..=attempted).contains(&n), "{answer:?}");
            let version = answer.body["version"].as_i64().unwrap();
            self.counters.last_mut().unwrap().version = version;
        }
    }

    /// Patches without a condition: an update that was not acknowledged may have been done.
    async fn increment(&mut self) {
        let Some(counter) = self.counters.last_mut() else {
            return;
        };
        counter.attempted += 1;
        let (n, path) = (counter.attempted, format!("/v1/objects/{}", counter.id));
        let patch = self.caller.request(reqwest::Method::PATCH, &path);
        let patch = patch.json(&json!({ "body": { "n": n } }));
        if self.send(patch).await.is_some() {
            self.counters.last_mut().unwrap().acknowledged = n;
        }
    }

    /// The answer if it is a success; any other must be a 503 as the contract has it.
    async fn send(&mut self, request: RequestBuilder) -> Option<Answer> {
        let start = Instant::now();
        let answer = Answer::to(request).await;
        let is_success = (200..300).contains(&answer.status);
        if !is_success {
            assert_unavailable(&answer);
            sleep(Duration::from_millis(20)).await;
        }
        self.observations.push(Observation {
            start,
            took: start.elapsed(),
            is_success,
        });
        is_success.then_some(answer)
    }
}

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.body["code"], "unavailable", "{answer:?}");
    let seconds: i64 = answer.header("retry-after").parse().unwrap();
    assert!(seconds > 0, "{answer:?}");
    assert_eq!(answer.body["retry_after"], seconds);
}

impl Counter {
    async fn verify(&self, caller: &Caller) {
        let answer = caller.get(&format!("/v1/objects/{}", self.id)).await;
        assert_eq!(
            answer.status, 200,
            "an acknowledged object is lost: {answer:?}"
        );
        let n = answer.body["body"]["n"].as_i64().unwrap();
        assert!(
            (self.acknowledged..=self.attempted).contains(&n),
            "{answer:?}"
        );
        assert!(answer.body["version"].as_i64().unwrap() >= self.version);
    }
}
