//! What Prometheus itself thinks of the rules, of a scrape, and of all that the dashboard asks.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use super::file_calls::KEY_1;
use super::{Answer, Caller};
use crate::support::cluster::ScratchDatabase;
use crate::support::http;
use crate::support::process::{ServerProcess, free_port};

/// How long Prometheus may take to start, and to scrape and judge all that is asked of it.
const PATIENCE: Duration = Duration::from_secs(15);

fn ops(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ops").join(path)
}

fn program(variable: &str) -> Command {
    let path = std::env::var(variable);
    Command::new(
        path.unwrap_or_else(|_| {
            panic!("{variable} is not set: run the tests with `cargo xtask test`")
        }),
    )
}

fn promtool(arguments: &[&str], file: &Path) -> Output {
    let mut check = program("TEST_PROMTOOL");
    check.args(arguments).arg(file).output().unwrap()
}

#[test]
fn promtool_takes_the_rules_and_the_configuration() {
    let rules = ops("prometheus/rules/gpt-object-store.yml");
    for (what, file) in [
        ("rules", rules.clone()),
        ("config", ops("prometheus/prometheus.yml")),
    ] {
        let checked = promtool(&["check", what], &file);
        assert!(checked.status.success(), "{checked:?}");
    }
    let folder = TempDir::new().unwrap();
    let text = fs::read_to_string(rules).unwrap();
    for (right, wrong) in [("sum by", "sum buy"), ("for: 2m", "for: a while")] {
        let file = folder.path().join("rules.yml");
        fs::write(&file, text.replace(right, wrong)).unwrap();
        let checked = promtool(&["check", "rules"], &file);
        assert!(!checked.status.success(), "{wrong} was not found");
    }
}

#[tokio::test]
async fn promtool_takes_what_the_server_shows() {
    let database = ScratchDatabase::sqlite();
    let server = ServerProcess::start(database.url(), &[]).await;
    let client = http::client();
    // The first request shows only in the second answer.
    client.get(server.url("/metrics")).send().await.unwrap();
    let answer = client.get(server.url("/metrics")).send().await.unwrap();
    let text = plain(&answer.text().await.unwrap());
    assert!(check_metrics(&text).is_empty(), "{}", check_metrics(&text));
    let wrong = text.replace("_lost_total", "_lost");
    assert!(check_metrics(&wrong).contains("_total"), "{wrong}");
}

/// What `promtool check metrics` finds; nothing, if all is well.
fn check_metrics(text: &str) -> String {
    let mut check = program("TEST_PROMTOOL");
    check.args(["check", "metrics"]).stdin(Stdio::piped());
    check.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = check.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

/// OpenMetrics in Prometheus's older format, the only one that promtool knows: the names of counters
/// and of builds have their endings in the comments too, and there are no units.
fn plain(text: &str) -> String {
    let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let typed: Vec<_> = typed.filter_map(|line| line.split_once(' ')).collect();
    let kind = |name: &str| typed.iter().find(|(typed, _)| *typed == name).unwrap().1;
    let mut lines = String::new();
    for line in text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        let line = match words[..] {
            ["#", "UNIT" | "EOF", ..] => continue,
            ["#", what, name, rest] => match kind(name) {
                "counter" => format!("# {what} {name}_total {rest}"),
                "info" if what == "TYPE" => format!("# TYPE {name}_info gauge"),
                "info" => format!("# {what} {name}_info {rest}"),
                _ => line.to_owned(),
            },
            _ => line.to_owned(),
        };
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_scrapes_the_server_and_answers_what_the_dashboard_asks() {
    let database = ScratchDatabase::sqlite();
    let settings = [("FILES_ENCRYPTION_KEY", KEY_1)];
    let server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;
    let prometheus = Prometheus::start(&server);
    let start = Instant::now();
    // Rates need two scrapes at least, and rules one evaluation.
    while !prometheus.has_judged().await {
        assert!(start.elapsed() < PATIENCE, "Prometheus does not scrape");
        let created = caller.create_object("notes", &json!({})).await;
        assert_eq!(created.status, 201);
        let missing = caller.get("/v1/objects/none").await;
        assert_ne!(missing.status, 200);
        caller.has_file("a").await;
        sleep(Duration::from_millis(50)).await;
    }
    let dashboard = fs::read_to_string(ops("grafana/dashboards/gpt-object-store.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array());
    let mut asked = 0;
    for target in targets.flatten() {
        let query = target["expr"].as_str().unwrap();
        let query = query.replace("$instance", ".*");
        let query = query.replace("$__rate_interval", "1m");
        let found = prometheus.query(&query).await;
        assert!(!found.is_empty(), "{query} finds nothing");
        asked += 1;
    }
    assert!(asked >= panels.len(), "{asked}");
    println!("{asked} queries after {:?}", start.elapsed());
}

/// A Prometheus that scrapes one server each second; killed when it is dropped.
struct Prometheus {
    client: Client,
    port: u16,
    child: Child,
    _folder: TempDir,
}

impl Prometheus {
    fn start(server: &ServerProcess) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [ops("prometheus/rules/*.yml")],
            "scrape_configs": [{
                "job_name": "gpt-object-store",
                "static_configs": [{ "targets": [format!("127.0.0.1:{}", server.port())] }],
            }],
        });
        // JSON is YAML.
        let path = folder.path().join("prometheus.yml");
        fs::write(&path, config.to_string()).unwrap();
        let mut command = program("TEST_PROMETHEUS");
        command.arg(format!("--config.file={}", path.display()));
        let data = folder.path().join("data");
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self {
            client: http::client(),
            port,
            child: command.spawn().unwrap(),
            _folder: folder,
        }
    }

    /// What its API answers, once it is there.
    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/api/v1/{path}", self.port);
        let answer = Answer::maybe_to(self.client.get(url).query(query))
            .await
            .ok()?;
        // While it starts it answers 503.
        (answer.status != 503).then_some(answer.body)
    }

    /// Whether the server was scraped three times, and every rule was evaluated; none may have failed.
    async fn has_judged(&self) -> bool {
        let Some(rules) = self.ask("rules", &[]).await else {
            return false;
        };
        let rules = rules["data"]["groups"][0]["rules"].clone();
        let rules = rules.as_array().map_or(&[][..], Vec::as_slice);
        for rule in rules {
            assert_ne!(rule["health"], "err", "{rule}");
        }
        let scrapes = "count_over_time(up{job=\"gpt-object-store\"}[1m]) >= 3 and up == 1";
        let is_known = rules.iter().all(|rule| rule["health"] == "ok");
        is_known && !rules.is_empty() && !self.query(scrapes).await.is_empty()
    }

    /// The series that a query finds.
    async fn query(&self, query: &str) -> Vec<Value> {
        let answer = self.ask("query", &[("query", query)]).await.unwrap();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
