//! An upgrade without downtime: a second instance takes over while the first drains, under load. No
//! request may fail, and nothing is tried twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::Caller;
use crate::support::balancer::{Answered, Balancer, Lane};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

/// Callers, each with a connection to each server.
const LANES: usize = 16;
const HAND_OVERS: usize = 3;
/// Several times as long as the balancer takes to look again, on a machine that is busy.
const DELAY: Duration = Duration::from_secs(2);
/// How long the load lasts between two hand-overs.
const BETWEEN: Duration = Duration::from_millis(700);
/// Delay, and the end of what is in flight.
const STOP_LIMIT: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_hand_over_without_a_failed_request() {
    let database = ScratchDatabase::postgres().await;
    let mut serving = start(&database).await;
    let caller = Caller::create(&serving, "alice");
    caller.create_collection("notes").await;
    let balancer = Balancer::new();
    balancer.add(serving.port()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for number in 0..LANES {
        load.spawn(busy(balancer.lane(caller.key()), number, stop.clone()));
    }
    let mut ports = BTreeSet::from([serving.port()]);
    for _ in 0..HAND_OVERS {
        sleep(BETWEEN).await;
        let next = start(&database).await;
        balancer.add(next.port()).await;
        ports.insert(next.port());
        let status = serving.terminate(STOP_LIMIT).await;
        assert_eq!(status.code(), Some(0), "{}", serving.stderr());
        balancer.remove(serving.port());
        serving = next;
    }
    sleep(BETWEEN).await;
    stop.store(true, Ordering::Relaxed);
    let done: Vec<Done> = load.join_all().await;
    let failures: Vec<_> = done.iter().flat_map(|done| &done.failures).collect();
    let sum = |what: fn(&Done) -> usize| done.iter().map(what).sum::<usize>();
    let (requests, sent_away) = (sum(|done| done.requests), sum(|done| done.sent_away));
    println!(
        "{requests} requests, {} failed, {sent_away} connections moved",
        failures.len()
    );
    assert!(failures.is_empty(), "{failures:?}");
    let used: BTreeSet<_> = done.iter().flat_map(|done| &done.ports).copied().collect();
    assert_eq!(used, ports);
    // Each hand-over finds every lane with a connection to the one that goes.
    assert!(sent_away >= LANES, "{sent_away}");

    let stored = caller.at(&serving).walk("notes").await;
    let stored: BTreeSet<_> = stored.iter().map(|o| o["id"].as_str().unwrap()).collect();
    for id in done.iter().flat_map(|done| &done.created) {
        assert!(stored.contains(id.as_str()), "{id} was acknowledged");
    }
    assert_eq!(stored.len(), sum(|done| done.created.len()));
}

/// What one lane did.
#[derive(Default)]
struct Done {
    requests: usize,
    failures: Vec<String>,
    created: Vec<String>,
    ports: BTreeSet<u16>,
    sent_away: usize,
}

async fn start(database: &ScratchDatabase) -> ServerProcess {
    let delay = DELAY.as_secs().to_string();
    let settings = [("SHUTDOWN_DELAY_SECONDS", delay.as_str())];
    ServerProcess::start(database.url(), &settings).await
}

/// Creates, reads and lists until it is told to stop.
async fn busy(mut lane: Lane, number: usize, stop: Arc<AtomicBool>) -> Done {
    let mut done = Done::default();
    let objects = "/v1/gpts/alice/collections/notes/objects";
    let page = format!("{objects}?limit=5");
    while !stop.load(Ordering::Relaxed) {
        let body = json!({ "body": { "lane": number, "n": done.requests } });
        let created = lane.send(Method::POST, objects, Some(&body)).await;
        if let Some(created) = done.note(created) {
            let id = created["id"].as_str().unwrap();
            done.created.push(id.to_owned());
            let path = format!("/v1/objects/{id}");
            let read = lane.send(Method::GET, &path, None).await;
            if let Some(read) = done.note(read) {
                assert_eq!(read["body"], body["body"]);
            }
        }
        let listed = lane.send(Method::GET, &page, None).await;
        done.note(listed);
    }
    done.sent_away = lane.sent_away;
    done
}

impl Done {
    /// Counts a request, and gives what was answered if it is 2xx.
    fn note(&mut self, answered: Result<Answered, String>) -> Option<Value> {
        self.requests += 1;
        match answered {
            Ok(answered) => {
                self.ports.insert(answered.port);
                Some(answered.body)
            }
            Err(failure) => {
                self.failures.push(failure);
                None
            }
        }
    }
}
