//! The record of calls.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Answer, Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::database::Database;
use crate::support::process::{Program, ServerProcess};

const STOP_LIMIT: Duration = Duration::from_secs(10);

on_each_database!(every_call_with_a_good_key_is_recorded);

async fn every_call_with_a_good_key_is_recorded(database: ScratchDatabase) {
    let mut server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    let start = Instant::now();
    make_calls(&server, &caller).await;
    // What has just been handed in is written before the process ends.
    server.terminate(STOP_LIMIT).await;
    println!("calls and stop: {:?}", start.elapsed());

    let listed = server.program().run(&["audit", "list", "--json"]);
    let text = &listed.succeeded().stdout;
    for secret in [caller.key(), "gos_", "what-only-alice", "secret-name"] {
        assert!(!text.contains(secret), "the record has {secret:?}:\n{text}");
    }
    let mut rows = server.program().json_lines(&["audit", "list"]);
    rows.reverse();
    let told = |row: &Value| {
        (
            row["operation"].as_str().unwrap().to_owned(),
            row["status"].as_u64().unwrap(),
        )
    };
    let expected = [
        ("upsert_collection", 201),
        ("create_object", 201),
        ("list_objects", 200),
        ("get_object", 404),
        ("list_collections", 403),
        ("get_storage", 200),
        ("list_objects", 400),
    ];
    let calls: Vec<_> = rows.iter().map(told).collect();
    assert_eq!(
        calls,
        expected.map(|(operation, status)| (operation.to_owned(), status))
    );
    says_who_and_what(&server, &rows);
    can_be_filtered(server.program(), &rows);
}

async fn make_calls(server: &ServerProcess, caller: &Caller) {
    caller.create_collection("notes").await;
    let created = caller.creation("notes", &json!({ "diary": "what-only-alice-knows" }));
    let created = Answer::to(created.header("x-request-id", "the-id-of-the-caller")).await;
    assert_eq!(created.status, 201, "{created:?}");
    let filter = r#"notes/objects?limit=3&filter={"diary":"what-only-alice-asks"}"#;
    assert_eq!(caller.get(filter).await.status, 200);
    let none = "/v1/objects/01890000-0000-7000-8000-000000000000";
    assert_eq!(caller.get(none).await.status, 404);
    assert_eq!(caller.get("/v1/gpts/bob/collections").await.status, 403);
    let storage = caller
        .get_storage("smoke")
        .header("x-thesara-app-id", "thesara");
    assert_eq!(Answer::to(storage).await.status, 200);
    assert_eq!(caller.get("notes/objects?secret-name=1").await.status, 400);

    // None of these has a good key, or asks for an operation.
    let stranger = Caller::with_key(server, "alice", "gos_nonsense");
    assert_eq!(stranger.status().await, 401);
    assert_eq!(caller.get("/v1/nothing").await.status, 404);
    assert_eq!(caller.get("/health").await.status, 200);
}

fn says_who_and_what(server: &ServerProcess, rows: &[Value]) {
    let created = &rows[1];
    let keys = server.program().json_lines(&["key", "list", "alice"]);
    assert_eq!(created["key_id"], keys[0]["id"]);
    assert_eq!(created["gpt_id"], "alice");
    assert_eq!(created["method"], "POST");
    assert_eq!(
        created["path"],
        "/v1/gpts/{gpt_id}/collections/{name}/objects"
    );
    assert_eq!(created["request_id"], "the-id-of-the-caller");
    assert_eq!(created["client_address"], "127.0.0.1");
    assert!(created["milliseconds"].as_f64().unwrap() > 0.0);
    assert!(created["request"]["body_bytes"].as_u64().unwrap() > 30);
    assert_eq!(rows[2]["request"]["query"], json!(["limit", "filter"]));
    assert_eq!(rows[5]["app_id"], "thesara");
    assert_eq!(rows[6]["request"]["query"], json!([]));
    let times: Vec<_> = rows
        .iter()
        .map(|row| row["created_at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

fn can_be_filtered(program: &Program, rows: &[Value]) {
    let third = rows[3]["created_at"].as_str().unwrap();
    for (arguments, count) in [
        (&["--gpt", "alice"][..], 7),
        (&["--gpt", "bob"], 0),
        (&["--operation", "list_objects"], 2),
        (&["--operation", "list_objects", "--status", "400"], 1),
        (&["--app", "thesara"], 1),
        (&["--status", "403"], 1),
        (&["--since", third], 4),
        (&["--until", third], 3),
        (&["--since", "1h", "--limit", "2"], 2),
        (&["--until", "1h"], 0),
    ] {
        let listed = program.json_lines(&[&["audit", "list"], arguments].concat());
        assert_eq!(listed.len(), count, "{arguments:?}");
    }
    let latest = program.json_lines(&["audit", "list", "--limit", "1"]);
    assert_eq!(latest[0], rows[6]);
    let table = program.run(&["audit", "list"]);
    assert_eq!(table.succeeded().stdout.lines().count(), 8);
    let refused = program.run(&["audit", "list", "--since", "yesterday"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}

on_each_database!(old_calls_are_forgotten);

async fn old_calls_are_forgotten(database: ScratchDatabase) {
    let settings = [("AUDIT_DAYS", "30")];
    let mut server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    for _ in 0..3 {
        assert_eq!(caller.status().await, 200);
    }
    server.terminate(STOP_LIMIT).await;
    let aged = "UPDATE audit_log SET created_at = '2020-01-01T00:00:00+00:00'";
    assert_eq!(database.execute(aged).await, 3);
    // Nobody looks again within the same five minutes.
    assert!(database.execute("DELETE FROM jobs").await > 0);
    server.restart().await;
    assert_eq!(caller.status().await, 200);
    let start = Instant::now();
    while server.program().json_lines(&["audit", "list"]).len() != 1 {
        assert!(start.elapsed() < STOP_LIMIT, "old calls stay");
        sleep(Duration::from_millis(50)).await;
    }
}

on_each_database!(a_call_is_recorded_though_its_caller_hung_up);

/// What it asked for is done all the same.
async fn a_call_is_recorded_though_its_caller_hung_up(database: ScratchDatabase) {
    let server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;
    let mut held = Database::open(database.url()).await;
    held.hold("alice").await;
    let creation = caller.creation("notes", &json!({}));
    let given_up = Answer::maybe_to(creation.timeout(Duration::from_millis(300))).await;
    assert!(given_up.is_err(), "{given_up:?}");
    held.release().await;
    let start = Instant::now();
    let filter = ["audit", "list", "--operation", "create_object"];
    while server.program().json_lines(&filter).is_empty() {
        assert!(start.elapsed() < STOP_LIMIT, "the call is not recorded");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.program().json_lines(&filter)[0]["status"], 201);
    assert_eq!(caller.walk("notes").await.len(), 1);
}

#[tokio::test]
async fn a_refused_limit_is_a_call_too() {
    let database = ScratchDatabase::sqlite();
    let settings = [("RATE_LIMITS", "key:1/h")];
    let mut server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    for expected in [200, 429] {
        let answer = Answer::to(caller.request(Method::GET, "/v1/limits")).await;
        assert_eq!(answer.status, expected);
    }
    server.terminate(STOP_LIMIT).await;
    let rows = server.program().json_lines(&["audit", "list"]);
    assert_eq!(rows[0]["status"], 429);
}
