//! What the log says about a request, and what it never says.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Caller};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

#[tokio::test]
async fn the_log_has_request_ids_and_no_secrets() {
    let database = ScratchDatabase::sqlite();
    let mut server = ServerProcess::start(database.url(), &[("LOG", "debug")]).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;

    let body = json!({ "diary": "what-only-alice-knows" });
    let request = caller.creation("notes", &body);
    let created = Answer::to(request.header("x-request-id", "the-id-of-the-caller")).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("x-request-id"), "the-id-of-the-caller");

    let filter = r#"notes/objects?filter={"diary":"what-only-alice-asks"}"#;
    let listed = caller.get(filter).await;
    assert_eq!(listed.status, 200, "{listed:?}");
    let own = listed.header("x-request-id").to_owned();
    assert!(!own.is_empty());

    let unfit = caller.request(Method::GET, "/v1/objects/nonsense");
    let refused = Answer::to(unfit.header("x-request-id", "x\"} forged <b>")).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_ne!(refused.header("x-request-id"), "x\"} forged <b>");
    assert_eq!(refused.body["request_id"], refused.header("x-request-id"));

    // The last lines are written when the server stops.
    server.terminate(Duration::from_secs(5)).await;
    let lines = json_lines(&server);
    let line = line_of(&lines, "the-id-of-the-caller");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["status"], 201);
    assert_eq!(line["path"], "/v1/gpts/alice/collections/notes/objects");
    assert_eq!(line_of(&lines, &own)["status"], 200);

    let log = server.stderr();
    for secret in [caller.key(), "what-only-alice", "Bearer gos_", "forged"] {
        assert!(!log.contains(secret), "the log has {secret:?}");
    }
    assert_eq!(server.stdout().matches(caller.key()).count(), 0);
}

/// Standard error is no terminal here, so each line is one JSON object.
fn json_lines(server: &ServerProcess) -> Vec<Value> {
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the line {line}"))
    };
    server.stderr().lines().map(parse).collect()
}

fn line_of<'a>(lines: &'a [Value], request_id: &str) -> &'a Value {
    let mut found = lines.iter().filter(|line| line["request_id"] == request_id);
    let line = found
        .next()
        .unwrap_or_else(|| panic!("no line of {request_id}"));
    assert!(found.next().is_none(), "two lines of {request_id}");
    line
}
