//! The Storage API as its users have it: the seed's curl lines, its TypeScript, a browser, and what
//! a deployment can set.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use poem::listener::TcpAcceptor;
use poem::{EndpointExt, Route, handler};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Answer, Caller, on_each_database};
use crate::support::buckets;
use crate::support::cluster::ScratchDatabase;
use crate::support::http;
use crate::support::process::{Program, ServerProcess};

/// The lines of the seed, with its address and its variable for the key.
const SEED_LINES: &str = r#"
curl -i -X OPTIONS "http://127.0.0.1:8788/api/storage?ns=smoke" \
  -H "Origin: http://localhost:3000" \
  -H "Access-Control-Request-Method: PATCH" \
  -H "Access-Control-Request-Headers: authorization, if-match, content-type, x-thesara-app-id"
curl -i "http://127.0.0.1:8788/api/storage?ns=smoke"
curl -i -X PATCH "http://127.0.0.1:8788/api/storage?ns=smoke" \
  -H "Authorization: Bearer $JWT" \
  -H "If-Match: 0" \
  -H "X-Thesara-App-Id: smoke" \
  -H "Content-Type: application/json" \
  --data-binary @ops.json
curl -i -X PATCH "http://127.0.0.1:8788/api/storage?ns=smoke" \
  -H "Authorization: Bearer $JWT" \
  -H "If-Match: 0" \
  -H "X-Thesara-App-Id: smoke" \
  -H "Content-Type: application/json" \
  --data-binary @ops.json
"#;

on_each_database!(the_seeds_lines_work_as_pasted);

async fn the_seeds_lines_work_as_pasted(database: ScratchDatabase) {
    let settings = [("STORAGE_ANONYMOUS_GPT", "alice")];
    let server = ServerProcess::start(database.url(), &settings).await;
    let key = super::caller::create_key(server.program(), "alice");
    let folder = server.program().folder();
    fs::write(
        folder.join("ops.json"),
        r#"[{"op":"set","key":"foo","value":"bar"}]"#,
    )
    .unwrap();
    let lines = SEED_LINES.replace("http://127.0.0.1:8788", &server.url(""));
    let lines = lines.replace("curl -i", "curl -s -i --max-time 10");
    let mut shell = Command::new("bash");
    shell
        .args(["-e", "-c", &lines])
        .env("JWT", key)
        .current_dir(folder);
    let output = shell.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let statuses: Vec<_> = said
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|rest| &rest[..3])
        .collect();
    assert_eq!(statuses, ["204", "200", "201", "412"], "{said}");
    assert_eq!(said.matches("etag: \"1\"").count(), 2, "{said}");
}

on_each_database!(the_seeds_function_runs_unchanged);

async fn the_seeds_function_runs_unchanged(database: ScratchDatabase) {
    let server = ServerProcess::start(database.url(), &[]).await;
    let key = super::caller::create_key(server.program(), "alice");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/patch-storage.mjs");
    let mut node = Command::new("node");
    node.arg(script).env("BASE", server.url("")).env("KEY", key);
    let output = tokio::task::spawn_blocking(move || node.output())
        .await
        .unwrap()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {complaints}"));
    let expected = json!([
        { "etag": "\"1\"", "body": { "foo": "bar" } },
        { "etag": "\"2\"", "body": { "foo": "baz" } },
        "Conflict; current ETag=\"3\"",
        "PATCH failed: 400",
    ]);
    assert_eq!(said, expected, "{complaints}");
}

#[tokio::test]
async fn only_the_named_gpt_is_open_to_read() {
    let program = Program::new().with("STORAGE_ANONYMOUS_GPT", "open");
    let server = program.serve(&[]).await;
    let (open, shut) = (
        Caller::create(&server, "open"),
        Caller::create(&server, "shut"),
    );
    for caller in [&open, &shut] {
        let patch = caller.patch_storage(
            "smoke",
            "0",
            json!([{ "op": "set", "key": "of", "value": caller.gpt() }]),
        );
        assert_eq!(Answer::to(patch).await.status, 201);
    }
    let client = http::client();
    let url = server.url("/api/storage?ns=smoke");
    let read = Answer::to(client.get(&url)).await;
    assert_eq!((read.status, &read.body), (200, &json!({ "of": "open" })));
    let write = client
        .patch(&url)
        .header("if-match", "1")
        .header("x-thesara-app-id", "x");
    let write = write.json(&json!([{ "op": "del", "key": "of" }]));
    assert_eq!(Answer::to(write).await.status, 401);
    // Who shows credentials is judged by them.
    assert_eq!(
        Answer::to(client.get(&url).bearer_auth("gos_x"))
            .await
            .status,
        401
    );
    let own = Answer::to(client.get(&url).bearer_auth(shut.key())).await;
    assert_eq!(own.body, json!({ "of": "shut" }));
    let others = Answer::to(client.get(server.url("/v1/limits"))).await;
    assert_eq!(others.status, 401, "nothing else is open");
}

#[tokio::test]
async fn storage_info_is_for_development_only() {
    let server = Program::new().serve(&[]).await;
    let info =
        |server: &ServerProcess| Answer::to(http::client().get(server.url("/_debug/storage-info")));
    assert_eq!(info(&server).await.status, 404);
    let server = Program::new()
        .with("ENVIRONMENT", "development")
        .serve(&[])
        .await;
    let local = info(&server).await;
    assert_eq!(
        (local.status, &local.body["backend"]),
        (200, &json!("local"))
    );
    let settings = buckets::settings("gcs");
    let program = settings
        .iter()
        .fold(Program::new(), |program, (name, value)| {
            program.with(name, value)
        });
    let server = program.with("ENVIRONMENT", "development").serve(&[]).await;
    let gcs = info(&server).await;
    let paths = json!({ "namespace": "namespaces/{gpt_id}/{namespace}" });
    assert_eq!(gcs.body, json!({ "backend": "gcs", "paths": paths }));
}

#[tokio::test]
async fn a_deleted_gpt_leaves_nothing_in_the_bucket() {
    for kind in ["s3", "gcs"] {
        let settings = buckets::settings(kind);
        let program = settings
            .iter()
            .fold(Program::new(), |program, (name, value)| {
                program.with(name, value)
            });
        let server = program.serve(&[]).await;
        let set = || json!([{ "op": "set", "key": "secret", "value": 1 }]);
        for gpt in ["alice", "alice2"] {
            let caller = Caller::create(&server, gpt);
            for namespace in ["one", "two"] {
                let answer = Answer::to(caller.patch_storage(namespace, "0", set())).await;
                assert_eq!(answer.status, 201, "{answer:?}");
                assert_eq!(answer.headers["x-storage-backend"], kind);
            }
        }
        server
            .program()
            .run(&["gpt", "delete", "alice", "--yes"])
            .succeeded();
        let again = Caller::create(&server, "alice");
        for namespace in ["one", "two"] {
            let read = Answer::to(again.get_storage(namespace)).await;
            assert_eq!(
                read.body,
                json!({}),
                "the new GPT has nothing of the old one's"
            );
        }
    }
}

/// A page that reads and writes across origins and says what it could see.
const PAGE: &str = r#"<!doctype html><title>another origin</title><script type="module">
const url = 'API/api/storage?ns=browser';
const headers = { Authorization: 'Bearer KEY' };
const seen = [];
const see = async response => seen.push([
  response.status, response.headers.get('ETag'), response.headers.get('X-Storage-Backend'),
  response.ok ? await response.json() : (await response.json()).code,
]);
const patch = etag => fetch(url, {
  method: 'PATCH',
  headers: { ...headers, 'Content-Type': 'application/json', 'If-Match': etag, 'X-Thesara-App-Id': 'page' },
  body: JSON.stringify([{ op: 'set', key: 'foo', value: 'bar' }]),
});
try {
  await see(await fetch(url, { headers }));
  await see(await patch('"0"'));
  await see(await patch('"0"'));
  await see(await fetch(url, { headers: { ...headers, 'If-None-Match': '"7"' } }));
} catch (error) {
  seen.push(String(error));
}
await fetch('/seen', { method: 'POST', body: JSON.stringify(seen) });
</script>"#;

#[handler]
async fn keep_seen(kept: poem::web::Data<&Arc<Mutex<Option<Value>>>>, seen: String) {
    *kept.lock().unwrap() = Some(serde_json::from_str(&seen).unwrap());
}

/// Serves [`PAGE`] on an origin of its own, opens it in a browser, and gives what it saw.
async fn seen_by_a_page(listener: tokio::net::TcpListener, api: &str, key: &str) -> Value {
    let page = PAGE.replace("API", api).replace("KEY", key);
    let kept = Arc::new(Mutex::new(None));
    let html = move |_| poem::web::Html(page.clone());
    let routes = Route::new()
        .at("/", poem::get(poem::endpoint::make_sync(html)))
        .at("/seen", poem::post(keep_seen))
        .data(kept.clone());
    let port = listener.local_addr().unwrap().port();
    let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
    let serving = tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(routes));
    let profile = tempfile::tempdir().unwrap();
    let mut browser = browse(&format!("http://localhost:{port}/"), profile.path());
    let seen = timeout(Duration::from_secs(40), async {
        loop {
            if let Some(seen) = kept.lock().unwrap().take() {
                return seen;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    let seen = seen.await;
    browser.kill().unwrap();
    browser.wait().unwrap();
    serving.abort();
    seen.expect("the page says what it saw")
}

fn browse(url: &str, profile: &Path) -> std::process::Child {
    let chromium = std::env::var("TEST_CHROMIUM").expect("run the tests with `cargo xtask test`");
    Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args(["--no-first-run", "--disable-background-networking"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(url)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

on_each_database!(a_browser_reads_and_writes_across_origins);

async fn a_browser_reads_and_writes_across_origins(database: ScratchDatabase) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let server = ServerProcess::start(database.url(), &[("CORS_ORIGINS", &origin)]).await;
    let key = super::caller::create_key(server.program(), "alice");
    let seen = seen_by_a_page(listener, &server.url(""), &key).await;
    let expected = json!([
        [200, "\"0\"", "local", {}],
        [201, "\"1\"", "local", { "foo": "bar" }],
        [412, "\"1\"", null, "precondition-failed"],
        [200, "\"1\"", "local", { "foo": "bar" }],
    ]);
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_page_of_another_origin_sees_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Program::new()
        .with("CORS_ORIGINS", "https://app.example.com")
        .serve(&[])
        .await;
    let caller = Caller::create(&server, "alice");
    let seen = seen_by_a_page(listener, &server.url(""), caller.key()).await;
    assert_eq!(seen, json!(["TypeError: Failed to fetch"]));
    let read = Answer::to(caller.get_storage("browser")).await;
    assert_eq!(
        read.headers["etag"], "\"0\"",
        "the preflight kept the write away"
    );
    let options = http::client().request(Method::OPTIONS, server.url("/api/storage?ns=x"));
    let options = options
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "PATCH");
    let preflight = Answer::to(options).await;
    assert_eq!(
        preflight.headers["access-control-allow-origin"],
        "https://app.example.com"
    );
    assert_eq!(preflight.headers["vary"], "Origin");
}
