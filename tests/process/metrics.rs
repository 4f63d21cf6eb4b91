//! `/metrics`: who may read it, what it says, and that the dashboard and the alerts ask for nothing
//! else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use regex::Regex;
use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;

use super::caller::create_key;
use super::{Caller, on_each_database};
use crate::support::answer::Answer;
use crate::support::cluster::ScratchDatabase;
use crate::support::http::{Call, Http};
use crate::support::process::{Program, ServerProcess};

/// How long a worker may take for its first job, or to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// Begins every name.
const PREFIX: &str = "gpt_object_store_";

fn metrics(server: &ServerProcess) -> Call {
    Http::new(server.url("")).call(Method::GET, "/metrics")
}

/// The value of the one sample whose name and labels begin with `sample`.
fn value(answer: &Answer, sample: &str) -> f64 {
    let sample = format!("{PREFIX}{sample}");
    let mut lines = answer.text().lines();
    let line = lines.find(|line| line.starts_with(&sample));
    let line = line.unwrap_or_else(|| panic!("no {sample} in\n{}", answer.text()));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

on_each_database!(what_happens_is_counted);

async fn what_happens_is_counted(database: ScratchDatabase) {
    let limits = [("RATE_LIMITS", "key:100/m,write:100/m,ip:100/m")];
    let server = ServerProcess::start(database.url(), &limits).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;
    for _ in 0..3 {
        let body = json!({ "title": "a" });
        assert_eq!(caller.create_object("notes", &body).await.status, 201);
    }
    let answer = metrics(&server).await.expect(200);
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(answer.text().ends_with("# EOF\n"));
    let created = r#"http_request_duration_seconds_count{operation="create_object",status="201"}"#;
    for (sample, expected) in [
        (created, 3.0),
        ("http_requests_in_flight ", 1.0),
        (
            r#"rate_limit_decisions_total{decision="denied_by_key"}"#,
            0.0,
        ),
        ("audit_lost_total ", 0.0),
        (r#"cache_misses_total{cache="keys"}"#, 1.0),
    ] {
        assert_eq!(
            value(&answer, sample),
            expected,
            "{sample}\n{}",
            answer.text()
        );
    }
    assert!(
        value(
            &answer,
            r#"rate_limit_decisions_total{decision="admitted"}"#
        ) >= 8.0
    );
    assert!(value(&answer, r#"cache_hits_total{cache="keys"}"#) >= 3.0);
    assert!(value(&answer, r#"database_connections{state="free"}"#) >= 0.0);
}

on_each_database!(a_worker_tells_how_it_is_and_answers_nobody_else);

async fn a_worker_tells_how_it_is_and_answers_nobody_else(database: ScratchDatabase) {
    let mut worker = Program::on(database.url()).work().await;
    let get = |path: &str| Http::new(worker.url("")).call(Method::GET, path);
    let ready = get("/health/ready").await.expect(200);
    assert_eq!(ready.json()["status"], "ready", "{ready:?}");
    for path in ["/v1/files", "/admin/v1/gpts", "/", "/docs"] {
        get(path).await.expect(404).problem("not-found");
    }
    // What comes round is due at every start.
    let succeeded = r#"job_attempts_total{outcome="succeeded"}"#;
    let start = Instant::now();
    while value(&metrics(&worker).await.expect(200), succeeded) < 1.0 {
        assert!(start.elapsed() < PATIENCE, "nothing is done");
        sleep(Duration::from_millis(20)).await;
    }
    let proxied = metrics(&worker).header("x-forwarded-for", "10.0.0.7");
    proxied.await.expect(401);
    let ended = worker.terminate(PATIENCE).await;
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn only_neighbours_and_operators_see_them() {
    let database = ScratchDatabase::sqlite();
    let proxied = [("TRUSTED_PROXIES", "127.0.0.0/8")];
    let server = ServerProcess::start(database.url(), &proxied).await;
    let from = |address: &str| metrics(&server).header("x-forwarded-for", address);
    from("10.0.0.7").await.expect(200);
    let refused = from("198.51.100.7").await.expect(401);
    assert!(refused.header("www-authenticate").is_some());
    let key = create_key(server.program(), "alice");
    from("198.51.100.7").key(&key).await.expect(403);
    let operator = server.program().json(&["key", "create", "--operator"]);
    let operator = operator["key"].as_str().unwrap();
    from("198.51.100.7").key(operator).await.expect(200);
    from("198.51.100.7").key("gos_nonsense").await.expect(401);
    // No page reads them either.
    let page = metrics(&server).header("origin", "https://a.example");
    let page = page.await.expect(200);
    assert_eq!(page.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_proxy_that_nobody_trusts_is_not_taken_for_a_neighbour() {
    let database = ScratchDatabase::sqlite();
    let server = ServerProcess::start(database.url(), &[]).await;
    metrics(&server).await.expect(200);
    for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
        metrics(&server)
            .header(header, "10.0.0.7")
            .await
            .expect(401);
    }
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_ask_for_what_there_is() {
    let database = ScratchDatabase::sqlite();
    let server = ServerProcess::start(database.url(), &[]).await;
    metrics(&server).await.expect(200);
    let answer = metrics(&server).await.expect(200);
    let name = Regex::new(&format!("{PREFIX}[a-z_]+")).unwrap();
    let names = |text: &str| -> BTreeSet<String> {
        let found = name.find_iter(text);
        found.map(|found| found.as_str().to_owned()).collect()
    };
    let samples = answer.text().lines().filter(|line| !line.starts_with('#'));
    let exported: BTreeSet<_> = samples.flat_map(names).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ops");
    for file in [
        "grafana/dashboards/gpt-object-store.json",
        "prometheus/rules/gpt-object-store.yml",
    ] {
        let asked = names(&fs::read_to_string(root.join(file)).unwrap());
        assert!(asked.len() > 5, "{file}: {asked:?}");
        let missing: Vec<_> = asked.difference(&exported).collect();
        assert!(missing.is_empty(), "{file}: {missing:?}");
    }
}
