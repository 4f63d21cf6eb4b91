//! The operator's API on a listener of its own, and on the common one.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Answer, Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::http;
use crate::support::process::{Program, ServerProcess, free_port};

const STOP_LIMIT: Duration = Duration::from_secs(10);

/// An operator who calls one address.
struct Operator {
    url: String,
    key: String,
}

impl Operator {
    fn new(program: &Program, url: String) -> Self {
        let issued = program.json(&["key", "create", "--operator"]);
        let key = issued["key"].as_str().unwrap().to_owned();
        Self { url, key }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}{path}", self.url);
        let mut request = http::client().request(method, url).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::to(request).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }
}

on_each_database!(operators_have_a_listener_of_their_own);

async fn operators_have_a_listener_of_their_own(database: ScratchDatabase) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let settings = [("ADMIN_LISTEN", listen.as_str())];
    let mut server = ServerProcess::start(database.url(), &settings).await;
    let operator = Operator::new(server.program(), format!("http://{listen}"));
    let alice = json!({ "id": "alice" });
    let made = operator
        .call(Method::POST, "/admin/v1/gpts", Some(alice))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(made.headers.contains_key("x-request-id"));
    let key = json!({ "gpt_id": "alice" });
    let issued = operator
        .call(Method::POST, "/admin/v1/keys", Some(key))
        .await;
    let caller = Caller::with_key(&server, "alice", issued.body["key"].as_str().unwrap());
    assert_eq!(caller.status().await, 200);

    each_has_its_own_only(&server, &operator, &caller).await;
    served_with_its_own_url(&server, &operator, port).await;

    let revoke = format!(
        "/admin/v1/keys/{}/revoke",
        issued.body["id"].as_str().unwrap()
    );
    let revoked = operator.call(Method::POST, &revoke, None).await;
    assert_eq!((revoked.status, caller.status().await), (200, 401));
    assert!(server.terminate(STOP_LIMIT).await.success());
    let told = server.program().json_lines(&["audit", "list"]);
    let told: Vec<_> = told
        .iter()
        .rev()
        .map(|row| row["operation"].clone())
        .collect();
    assert_eq!(
        told[..3],
        ["create_gpt", "create_key", "get_limits"],
        "{told:?}"
    );
    assert_eq!(told.last().unwrap(), "revoke_key");
}

async fn each_has_its_own_only(server: &ServerProcess, operator: &Operator, caller: &Caller) {
    let elsewhere = Operator {
        url: server.url(""),
        key: operator.key.clone(),
    };
    for path in [
        "/admin/v1/gpts",
        "/admin/docs",
        "/openapi/gpt-object-store-admin.yaml",
    ] {
        let answers = (operator.get(path).await, elsewhere.get(path).await);
        assert_eq!((answers.0.status, answers.1.status), (200, 404), "{path}");
        assert_eq!(answers.1.body["code"], "not-found");
    }
    let with_callers_key = Operator {
        url: operator.url.clone(),
        key: caller.key().to_owned(),
    };
    let refused = with_callers_key.get("/admin/v1/gpts").await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (403, &"forbidden".into())
    );
    for path in ["/v1/limits", "/docs", "/openapi/gpt-object-store.yaml", "/"] {
        let nothing = with_callers_key.get(path).await;
        assert_eq!(nothing.status, 404, "{path}");
        assert_eq!(nothing.body["code"], "not-found");
    }
}

async fn served_with_its_own_url(server: &ServerProcess, operator: &Operator, port: u16) {
    let served = operator.get("/openapi/gpt-object-store-admin.json").await;
    let url = format!("http://localhost:{port}");
    assert_eq!(served.body["servers"], json!([{ "url": url }]));
    let arguments = ["openapi", "--operator", "--format", "json"];
    let printed = server.program().run(&arguments);
    let printed: Value = serde_json::from_str(&printed.succeeded().stdout).unwrap();
    assert_eq!(printed, served.body);
    // No page of whatever origin may call here.
    let request = http::client()
        .request(Method::GET, format!("{}/admin/v1/gpts", operator.url))
        .bearer_auth(&operator.key)
        .header("origin", "https://a.example");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_changed_limit_holds_at_once() {
    let database = ScratchDatabase::sqlite();
    let settings = [("RATE_LIMITS", "key:1000/m")];
    let server = ServerProcess::start(database.url(), &settings).await;
    let operator = Operator::new(server.program(), server.url(""));
    let caller = Caller::create(&server, "alice");
    assert_eq!(caller.status().await, 200);
    let keys = operator.get("/admin/v1/keys?gpt_id=alice").await;
    let path = format!(
        "/admin/v1/keys/{}",
        keys.body["items"][0]["id"].as_str().unwrap()
    );
    let change = json!({ "rate_limits": "key:1/h" });
    let changed = operator.call(Method::PATCH, &path, Some(change)).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let statuses = [caller.status().await, caller.status().await];
    assert!(statuses.contains(&429), "{statuses:?}");
}

on_each_database!(the_bytes_of_a_deleted_gpt_are_swept);

async fn the_bytes_of_a_deleted_gpt_are_swept(database: ScratchDatabase) {
    let server = files_in(&database).await;
    let operator = Operator::new(server.program(), server.url(""));
    let (alice, bob) = (
        Caller::create(&server, "alice"),
        Caller::create(&server, "bob"),
    );
    for caller in [&alice, &bob] {
        let file = json!({ "filename": "a.txt", "purpose": "user_data", "content": "bytes" });
        let request = caller.request(Method::POST, "/v1/files").json(&file);
        assert_eq!(Answer::to(request).await.status, 200);
    }
    assert_eq!(stored(&server), 2);
    let path = "/admin/v1/gpts/alice?confirm=alice";
    assert_eq!(operator.call(Method::DELETE, path, None).await.status, 204);
    let start = Instant::now();
    while stored(&server) != 1 {
        assert!(start.elapsed() < STOP_LIMIT, "the bytes stay");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        Answer::to(bob.request(Method::GET, "/v1/files")).await.body["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// A server that keeps files in a folder below its own.
async fn files_in(database: &ScratchDatabase) -> ServerProcess {
    let settings = [
        ("FILES_URL", "file://./files"),
        (
            "FILES_ENCRYPTION_KEY",
            "base64:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        ),
    ];
    ServerProcess::start(database.url(), &settings).await
}

/// How many objects lie in the folder.
fn stored(server: &ServerProcess) -> usize {
    fn files(folder: &std::path::Path) -> usize {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return 0;
        };
        let counts = entries.map(|entry| match entry.unwrap().path() {
            path if path.is_dir() => files(&path),
            _ => 1,
        });
        counts.sum()
    }
    files(&server.program().folder().join("files"))
}

on_each_database!(commands_do_the_same);

async fn commands_do_the_same(database: ScratchDatabase) {
    let program = Program::on(database.url());
    let made = program.json(&["gpt", "create", "alice"]);
    assert_eq!(program.json(&["gpt", "show", "alice"]), made);
    let renamed = program.json(&["gpt", "update", "alice", "--name", "Alice"]);
    assert_eq!(
        (&renamed["id"], &renamed["name"]),
        (&made["id"], &"Alice".into())
    );
    let usage = program.json(&["gpt", "usage", "alice", "--since", "1h"]);
    assert_eq!(
        (&usage["objects"], &usage["calls"]["total"]),
        (&0.into(), &0.into())
    );
    program
        .run(&["gpt", "usage", "bob"])
        .failed_saying("there is no GPT `bob`");

    let key = program.json(&["key", "create", "alice"]);
    let id = key["id"].as_str().unwrap();
    let update = [
        "key",
        "update",
        id,
        "--name",
        "phone",
        "--rate-limits",
        "key:7/m",
    ];
    let updated = program.json(&update);
    assert_eq!(
        (&updated["name"], &updated["rate_limits"]),
        (&"phone".into(), &"key:7/m".into())
    );
    assert_eq!(program.json(&["key", "show", id]), updated);
    let general = program.json(&["key", "update", id, "--general-rate-limits"]);
    assert!(general["rate_limits"].is_null() && general["name"] == "phone");
    program
        .run(&["key", "show", "key_none"])
        .failed_saying("gpt-object-store key list");
    for (filter, value) in [("--key", id), ("--status", "4xx"), ("--status", "404")] {
        assert!(
            program
                .json_lines(&["audit", "list", filter, value])
                .is_empty()
        );
    }
    let refused = program.run(&["audit", "list", "--status", "6xx"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}
