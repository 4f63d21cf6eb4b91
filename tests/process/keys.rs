//! How keys end, and what is noted of their use.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

use super::{Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::{Program, ServerProcess};

on_each_database!(keys_end_when_they_should);

async fn keys_end_when_they_should(database: ScratchDatabase) {
    let mut server = ServerProcess::start(database.url(), &[]).await;
    let program = server.program();
    program.run(&["gpt", "create", "alice"]).succeeded();
    let revoked = program.json(&["key", "create", "alice"]);
    program.run(&["key", "revoke", id(&revoked)]).succeeded();
    let rotated = program.json(&["key", "create", "alice"]);
    let unused = program.json(&["key", "create", "alice"]);
    let start = Instant::now();
    let successor = program.json(&["key", "rotate", id(&rotated), "--grace", "700ms"]);
    let brief = program.json(&["key", "create", "alice", "--expires-in", "700ms"]);
    let made = Instant::now();

    let successor_id = id(&successor).to_owned();
    let [revoked, rotated, successor, brief] =
        [revoked, rotated, successor, brief].map(|issued| caller(&server, &issued));
    assert_eq!(successor.status().await, 200);
    assert_refused(&revoked, "revoked").await;
    // On a machine that is very busy their time may be over before they are first used.
    if start.elapsed() < Duration::from_millis(500) {
        assert_eq!(brief.status().await, 200);
        assert_eq!(rotated.status().await, 200);
    }

    sleep(Duration::from_millis(700).saturating_sub(made.elapsed())).await;
    assert_refused(&brief, "expired").await;
    assert_refused(&rotated, "expired").await;
    assert_eq!(successor.status().await, 200);

    server.terminate(Duration::from_secs(5)).await;
    assert_last_use_is_noted(server.program(), &successor_id, id(&unused));
}

/// Uses are noted in batches, and at the latest when the server stops.
fn assert_last_use_is_noted(program: &Program, used: &str, unused: &str) {
    let keys = program.json_lines(&["key", "list", "alice"]);
    let find = |id| keys.iter().find(|key| key["id"] == id).unwrap();
    let (used, unused) = (find(used), find(unused));
    assert!(used["last_used"].as_str() > used["created_at"].as_str());
    assert_eq!(unused["last_used"], Value::Null);
}

async fn assert_refused(caller: &Caller, why: &str) {
    let answer = caller.get("/v1/limits").await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(
        answer
            .header("www-authenticate")
            .contains("error=\"invalid_token\"")
    );
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains(why), "{detail}");
}

fn caller(server: &ServerProcess, issued: &Value) -> Caller {
    Caller::with_key(server, "alice", issued["key"].as_str().unwrap())
}

fn id(issued: &Value) -> &str {
    issued["id"].as_str().unwrap()
}
