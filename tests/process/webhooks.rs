//! Forwarding of changes by the real program: receivers that fail, hang, lead astray or leave.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;
use crate::support::receiver::{Receiver, TAKEN};

const INSIDE: (&str, &str) = ("WEBHOOK_NETWORKS", "127.0.0.1");
const PATIENCE: Duration = Duration::from_secs(10);

/// A GPT with the collection `notes`, whose changes go to `url`.
async fn forwarded(server: &ServerProcess, gpt: &str, url: &str) -> Caller {
    let caller = Caller::create(server, gpt);
    caller.create_collection("notes").await;
    let put = server.program().json(&["webhook", "put", gpt, url]);
    assert!(put["secret"].as_str().unwrap().starts_with("whsec_"));
    caller
}

async fn create(caller: &Caller, body: &Value) -> String {
    let created = caller.create_object("notes", body).await;
    assert_eq!(created.status, 201, "{created:?}");
    created.id()
}

fn events(server: &ServerProcess, gpt: &str, state: &str) -> Vec<Value> {
    let arguments = ["webhook", "events", gpt, "--state", state];
    server.program().json_lines(&arguments)
}

/// The events in a state, once there are some.
async fn some_events(server: &ServerProcess, gpt: &str, state: &str) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let events = events(server, gpt, state);
        if !events.is_empty() {
            return events;
        }
        assert!(start.elapsed() < PATIENCE, "none is {state}");
        sleep(Duration::from_millis(50)).await;
    }
}

on_each_database!(what_is_not_taken_is_sent_again_in_its_order);

async fn what_is_not_taken_is_sent_again_in_its_order(database: ScratchDatabase) {
    let server = ServerProcess::start(database.url(), &[INSIDE]).await;
    let receiver = Receiver::answering(|number, _| match number {
        0 => "503 Service Unavailable\r\nretry-after: 1".to_owned(),
        _ => TAKEN.to_owned(),
    });
    let receiver = receiver.await;
    let caller = forwarded(&server, "alice", receiver.url()).await;
    let id = create(&caller, &json!({ "n": 1 })).await;
    let first = receiver.until(1).await.remove(0);
    let start = Instant::now();
    for n in 2..5 {
        let path = format!("/v1/objects/{id}");
        let patch = caller.request(reqwest::Method::PATCH, &path);
        let patch = patch.json(&json!({ "body": { "n": n } }));
        assert_eq!(super::Answer::to(patch).await.status, 200);
    }
    let received = receiver.until(5).await;
    assert!(
        start.elapsed() > Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(received[1].header("webhook-id"), first.header("webhook-id"));
    assert_eq!(received[1].text(), first.text());
    let versions: Vec<_> = received[1..]
        .iter()
        .map(|delivery| delivery.told().1)
        .collect();
    assert_eq!(versions, [1, 2, 3, 4]);
    let delivered = events(&server, "alice", "delivered");
    assert_eq!(delivered.last().unwrap()["attempts"], 2);
    assert_eq!(events(&server, "alice", "pending"), Vec::<Value>::new());
}

/// The receiver of one GPT must not hold up another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let database = ScratchDatabase::postgres().await;
    let settings = [
        INSIDE,
        ("WEBHOOK_TIMEOUT_SECONDS", "1"),
        ("WEBHOOK_ATTEMPTS", "1"),
    ];
    let server = ServerProcess::start(database.url(), &settings).await;
    let hanging = Receiver::answering(|_, _| String::new()).await;
    let quick = Receiver::start().await;
    let alice = forwarded(&server, "alice", hanging.url()).await;
    let bob = forwarded(&server, "bob", quick.url()).await;
    for n in 0..20 {
        create(&alice, &json!({ "n": n })).await;
    }
    hanging.until(1).await;
    let start = Instant::now();
    create(&bob, &json!({})).await;
    quick.until(1).await;
    assert!(
        start.elapsed() < Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
    let failed = some_events(&server, "alice", "failed").await;
    assert_eq!(failed[0]["status"], Value::Null);
    assert!(
        failed[0]["error"].as_str().unwrap().contains("timed out"),
        "{}",
        failed[0]
    );
}

/// A name tells only when it is looked up where it leads to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_to_internal_addresses() {
    let database = ScratchDatabase::sqlite();
    let server = ServerProcess::start(database.url(), &[("WEBHOOK_ATTEMPTS", "1")]).await;
    let receiver = Receiver::start().await;
    let url = receiver
        .url()
        .replace("http://127.0.0.1", "https://localhost");
    let caller = forwarded(&server, "alice", &url).await;
    create(&caller, &json!({})).await;
    let failed = some_events(&server, "alice", "failed").await;
    let error = failed[0]["error"].as_str().unwrap();
    assert!(error.contains("leads to an internal address"), "{error}");
    assert_eq!(receiver.received().len(), 0);
    let inside = server
        .program()
        .run(&["webhook", "put", "alice", receiver.url()]);
    inside.failed_saying("WEBHOOK_NETWORKS");
    let listed = server.program().json(&["webhook", "retry", "alice"]);
    assert_eq!(listed["retried"], 1);
}

/// What was allowed once need not be allowed now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_is_held_to_the_list_at_each_delivery() {
    let database = ScratchDatabase::sqlite();
    let mut server = ServerProcess::start(database.url(), &[INSIDE]).await;
    let receiver = Receiver::start().await;
    let caller = forwarded(&server, "alice", receiver.url()).await;
    create(&caller, &json!({})).await;
    receiver.until(1).await;
    server.terminate(PATIENCE).await;
    let settings = [
        INSIDE,
        ("WEBHOOK_ATTEMPTS", "1"),
        ("WEBHOOK_HOSTS", "hooks.example.com"),
    ];
    let server = ServerProcess::start(database.url(), &settings).await;
    create(&caller.at(&server), &json!({})).await;
    let failed = some_events(&server, "alice", "failed").await;
    assert!(
        failed[0]["error"]
            .as_str()
            .unwrap()
            .contains("WEBHOOK_HOSTS"),
        "{}",
        failed[0]
    );
    assert_eq!(receiver.received().len(), 1);
}

on_each_database!(a_receiver_that_is_gone_gets_nothing_any_more);

async fn a_receiver_that_is_gone_gets_nothing_any_more(database: ScratchDatabase) {
    let server = ServerProcess::start(database.url(), &[INSIDE]).await;
    let receiver = Receiver::answering(|_, _| "410 Gone".to_owned()).await;
    let caller = forwarded(&server, "alice", receiver.url()).await;
    create(&caller, &json!({})).await;
    let start = Instant::now();
    let show = || server.program().json(&["webhook", "show", "alice"]);
    while show()["is_enabled"] == true {
        assert!(start.elapsed() < PATIENCE);
        sleep(Duration::from_millis(50)).await;
    }
    assert!(show()["disabled_reason"].as_str().unwrap().contains("410"));
    create(&caller, &json!({})).await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(events(&server, "alice", "pending").len(), 1);
    server
        .program()
        .run(&["webhook", "delete", "alice"])
        .succeeded();
    let gone = server.program().run(&["webhook", "show", "alice"]);
    gone.failed_saying("no such webhook");
}
