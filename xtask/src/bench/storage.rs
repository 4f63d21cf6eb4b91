//! Namespaces: what a small change of a large one costs beside one of a small one.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Plan;
use super::load::median;
use super::report::{Bar, Line};
use crate::servers::{Cluster, ObjectStore};

const SMALL: usize = 10;
const LARGE: usize = 10_000;
/// Keys of the namespace that is read whole.
const READ: usize = 1000;
/// The most operations that one patch takes.
const OPERATIONS: usize = 1000;
/// Requests to each namespace in a round.
const REQUESTS: usize = 100;

/// A server with a key.
struct Caller {
    server: ObjectStore,
    key: String,
}

/// A line for each database.
///
/// # Errors
/// When a server does not start, or a request fails.
pub fn lines(program: &Path, cluster: &Cluster, plan: &Plan) -> Result<Vec<Line>> {
    let folder = tempfile::tempdir()?;
    super::psql(
        cluster,
        "postgres",
        &["-c", "CREATE DATABASE bench_storage"],
    )?;
    let file = format!("sqlite://{}/storage.db", folder.path().display());
    let mut lines = Vec::new();
    for (name, url) in [
        ("SQLite", file),
        ("PostgreSQL", cluster.url("bench_storage")),
    ] {
        let server = ObjectStore::start(program, &url, folder.path())?;
        let key = server.make_key("bench")?;
        let caller = Caller { server, key };
        for (namespace, keys) in [("small", SMALL), ("large", LARGE), ("read", READ)] {
            caller.fill(namespace, keys)?;
        }
        lines.push(caller.patch_line(name, plan)?);
        lines.push(caller.read_line(name)?);
    }
    Ok(lines)
}

impl Caller {
    fn fill(&self, namespace: &str, keys: usize) -> Result<()> {
        let numbers: Vec<usize> = (0..keys).collect();
        for numbers in numbers.chunks(OPERATIONS) {
            let operations = numbers.iter().map(|number| {
                json!({ "op": "set", "key": format!("key-{number}"), "value": { "n": number, "text": "x".repeat(60) } })
            });
            self.patch(namespace, &operations.collect())?;
        }
        Ok(())
    }

    fn patch(&self, namespace: &str, operations: &Value) -> Result<()> {
        ureq::patch(self.url(namespace))
            .header("Authorization", format!("Bearer {}", self.key))
            .header(
                "If-Match",
                if operations[0]["key"] == "key-0" {
                    "0"
                } else {
                    "*"
                },
            )
            .header("X-Thesara-App-Id", "bench")
            .header("Prefer", "return=minimal")
            .send_json(operations)
            .with_context(|| format!("cannot patch {namespace}"))?;
        Ok(())
    }

    fn url(&self, namespace: &str) -> String {
        format!("{}/api/storage?ns={namespace}", self.server.base_url())
    }

    /// One key at a time, in both namespaces by turns.
    fn patch_line(&self, database: &str, plan: &Plan) -> Result<Line> {
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for number in 0..plan.rounds as usize * REQUESTS {
            for (namespace, keys, times) in
                [("small", SMALL, &mut small), ("large", LARGE, &mut large)]
            {
                let key = format!("key-{}", 1 + number * 7 % (keys - 1));
                let operations = json!([{ "op": "set", "key": key, "value": number }]);
                let start = Instant::now();
                self.patch(namespace, &operations)?;
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
        let (small, large) = (median(&small), median(&large));
        Ok(Line {
            name: format!("patch of 1 key of {LARGE}, {database}"),
            ours: format!("p50 {large:.2} ms"),
            beside: format!("of {SMALL}: {small:.2} ms"),
            compared: large / small,
            is_ratio: true,
            bar: Some(Bar::AtMost(1.5)),
            goal: None,
        })
    }

    fn read_line(&self, database: &str) -> Result<Line> {
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            let start = Instant::now();
            ureq::get(self.url("read"))
                .header("Authorization", format!("Bearer {}", self.key))
                .call()?
                .body_mut()
                .read_to_vec()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let time = median(&times);
        Ok(Line {
            name: format!("snapshot of {READ} keys, {database}"),
            ours: format!("p50 {time:.2} ms"),
            beside: String::new(),
            compared: time,
            is_ratio: false,
            bar: None,
            goal: None,
        })
    }
}
