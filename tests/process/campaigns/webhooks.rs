//! Workers that are killed while they forward changes: each change arrives, and those of an object in
//! their order.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;

use super::super::{Answer, Caller, Worker, on_each_database, until};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;
use crate::support::receiver::{Receiver, TAKEN};

const KILLS: u32 = 20;
const OBJECTS: usize = 20;
const CHANGES: usize = 30;
/// How long what is to come may take.
const PATIENCE: Duration = Duration::from_secs(60);

on_each_database!(campaign_kill9_forwarding);

async fn campaign_kill9_forwarding(database: ScratchDatabase) {
    let settings = [
        ("WEBHOOK_NETWORKS", "127.0.0.1"),
        ("WORKER", "off"),
        ("WORKER_LEASE_SECONDS", "1"),
        ("WORKER_POLL_MILLISECONDS", "20"),
    ];
    let server = ServerProcess::start(database.url(), &settings).await;
    let receiver = Receiver::answering(|_, _| {
        std::thread::sleep(Duration::from_millis(20));
        TAKEN.to_owned()
    });
    let receiver = receiver.await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;
    let put = ["webhook", "put", "alice", receiver.url()];
    server.program().run(&put).succeeded();
    join_all((0..OBJECTS).map(|_| write(&caller))).await;

    let received = || receiver.received().len();
    for round in 0..KILLS {
        let before = received();
        let mut worker = Worker::beside(&server);
        // The lease of the one before has to end first.
        until(PATIENCE, || received() > before).await;
        // Another moment in each round.
        sleep(Duration::from_millis(u64::from(round % 4) * 6)).await;
        worker.kill();
        let came = received();
        assert!(came < OBJECTS * CHANGES, "all came before kill {round}");
    }
    let mut last = Worker::beside(&server);
    let pending = ["webhook", "events", "alice", "--state", "pending"];
    until(PATIENCE, || {
        server.program().json_lines(&pending).is_empty()
    })
    .await;
    last.kill();
    assert_arrived_in_order(&receiver);
}

/// Makes an object and changes it.
async fn write(caller: &Caller) {
    let created = caller.create_object("notes", &json!({ "n": 1 })).await;
    assert_eq!(created.status, 201, "{created:?}");
    let path = format!("/v1/objects/{}", created.id());
    for n in 1..CHANGES {
        let put = caller.request(Method::PUT, &path);
        let answer = Answer::to(put.json(&json!({ "body": { "n": n } }))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// Each version came, one that came again came under the same id, and none came for the first time
/// before one that was made before it.
fn assert_arrived_in_order(receiver: &Receiver) {
    let mut versions: HashMap<String, Vec<i64>> = HashMap::new();
    let mut ids: HashMap<(String, i64), String> = HashMap::new();
    for delivery in receiver.received() {
        let object = delivery.json()["data"]["id"].as_str().unwrap().to_owned();
        let (_, version) = delivery.told();
        let id = delivery.header("webhook-id").to_owned();
        let known = ids
            .entry((object.clone(), version))
            .or_insert_with(|| id.clone());
        assert_eq!(*known, id);
        let seen = versions.entry(object).or_default();
        if !seen.contains(&version) {
            seen.push(version);
        }
    }
    assert_eq!(versions.len(), OBJECTS);
    let expected: Vec<_> = (1..=CHANGES as i64).collect();
    for seen in versions.values() {
        assert_eq!(*seen, expected);
    }
}
