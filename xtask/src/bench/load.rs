//! One round of load: wrk at our server, or pgbench at the database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::OBJECTS;
use crate::servers::{Cluster, ObjectStore};

/// Connections of ours, and clients of pgbench.
pub const CONNECTIONS: u32 = 64;

/// What is measured beside pgbench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A document of about 300 bytes into a collection without a schema.
    Create,
    /// One of the preloaded objects, at random.
    GetOne,
    /// The first page of the preloaded objects.
    Page,
}

impl Workload {
    /// Every workload, in the order of the table.
    pub const ALL: [Self; 3] = [Self::Create, Self::GetOne, Self::Page];

    /// As the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create one",
            Self::GetOne => "get one",
            Self::Page => "page of 50",
        }
    }

    /// The same work as SQL, and the name of its file.
    fn script(self) -> (&'static str, &'static str) {
        match self {
            Self::Create => ("create.sql", include_str!("create.sql")),
            Self::GetOne => ("get.sql", include_str!("get.sql")),
            Self::Page => ("page.sql", include_str!("page.sql")),
        }
    }
}

/// One round of our server.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub per_second: f64,
    /// Median latency in milliseconds.
    pub p50: f64,
    /// The latency that 1 in 100 exceeds, in milliseconds.
    pub p99: f64,
}

/// All rounds of one workload.
pub struct Rounds {
    pub workload: Workload,
    pub ours: Vec<Measured>,
    /// Transactions a second.
    pub pgbench: Vec<f64>,
}

impl Rounds {
    /// No round yet.
    pub fn new(workload: Workload) -> Self {
        Self {
            workload,
            ours: Vec::new(),
            pgbench: Vec::new(),
        }
    }

    /// Our requests a second in each round.
    pub fn our_rates(&self) -> Vec<f64> {
        self.ours.iter().map(|round| round.per_second).collect()
    }

    /// Our median requests a second.
    pub fn our_median(&self) -> f64 {
        median(&self.our_rates())
    }

    /// The median transactions a second of pgbench.
    pub fn pgbench_median(&self) -> f64 {
        median(&self.pgbench)
    }

    /// The medians over the rounds of our p50 and p99, in milliseconds.
    pub fn our_latency(&self) -> (f64, f64) {
        let p50: Vec<_> = self.ours.iter().map(|round| round.p50).collect();
        let p99: Vec<_> = self.ours.iter().map(|round| round.p99).collect();
        (median(&p50), median(&p99))
    }
}

/// The middle of `values`, or of the two in the middle; NaN when there are none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Our server and the database, ready to be loaded; the server stops when this is dropped.
pub struct Loads<'a> {
    cluster: &'a Cluster,
    server: ObjectStore,
    key: String,
    wrk: PathBuf,
    folder: PathBuf,
}

/// What `load.lua` prints at the end; times in microseconds.
#[derive(Deserialize)]
struct Summary {
    requests: u64,
    failed: u64,
    duration: u64,
    p50: u64,
    p99: u64,
}

impl<'a> Loads<'a> {
    /// Writes the scripts of both load generators into `folder`.
    ///
    /// # Errors
    /// When `folder` cannot be written.
    pub fn new(
        cluster: &'a Cluster,
        server: ObjectStore,
        key: String,
        wrk: &Path,
        folder: &Path,
    ) -> Result<Self> {
        fs::write(folder.join("load.lua"), include_str!("load.lua"))?;
        for workload in Workload::ALL {
            let (name, text) = workload.script();
            fs::write(folder.join(name), text)?;
        }
        Ok(Self {
            cluster,
            server,
            key,
            wrk: wrk.to_owned(),
            folder: folder.to_owned(),
        })
    }

    /// The same load for another server on the same database.
    pub fn on(&self, server: ObjectStore) -> Self {
        Self {
            cluster: self.cluster,
            server,
            key: self.key.clone(),
            wrk: self.wrk.clone(),
            folder: self.folder.clone(),
        }
    }

    /// The database's cluster.
    pub fn cluster(&self) -> &Cluster {
        self.cluster
    }

    /// Our server.
    pub fn server(&self) -> &ObjectStore {
        &self.server
    }

    /// The first page of the preloaded objects.
    pub fn page_url(&self) -> String {
        format!("{}?limit=50", self.collection_url("notes"))
    }

    /// Loads our server for `seconds`.
    ///
    /// # Errors
    /// When a single request fails: a fast failure would count as speed.
    pub fn ours(&self, workload: Workload, seconds: u32) -> Result<Measured> {
        let objects = OBJECTS.to_string();
        match workload {
            Workload::Create => self.wrk(
                &self.collection_url("made"),
                CONNECTIONS,
                seconds,
                &["create"],
            ),
            Workload::GetOne => self.wrk(
                self.server.base_url(),
                CONNECTIONS,
                seconds,
                &["get", &objects],
            ),
            Workload::Page => self.wrk(&self.page_url(), CONNECTIONS, seconds, &[]),
        }
    }

    /// Asks for one URL over one connection for `seconds`.
    ///
    /// # Errors
    /// As [`Self::ours`].
    pub fn ask(&self, url: &str, seconds: u32) -> Result<Measured> {
        self.wrk(url, 1, seconds, &[])
    }

    /// One answer as JSON.
    ///
    /// # Errors
    /// When it is not a success, or not JSON.
    pub fn get(&self, url: &str) -> Result<Value> {
        let request = ureq::get(url).header("Authorization", format!("Bearer {}", self.key));
        let mut answer = request
            .call()
            .with_context(|| format!("cannot get {url}"))?;
        Ok(answer.body_mut().read_json()?)
    }

    /// Runs the same work by `pgbench` for `seconds`; returns transactions a second.
    ///
    /// It comes by TCP and with prepared statements, as our server does.
    ///
    /// # Errors
    /// When `pgbench` fails.
    pub fn pgbench(&self, workload: Workload, seconds: u32) -> Result<f64> {
        let mut pgbench = self.cluster.command("pgbench", "bench");
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]);
        pgbench
            .arg(format!("--client={CONNECTIONS}"))
            .arg(format!("--time={seconds}"));
        pgbench.arg(format!("--define=objects={OBJECTS}"));
        pgbench
            .arg("--file")
            .arg(self.folder.join(workload.script().0));
        let said = output(&mut pgbench)?;
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rest| rest.split_whitespace().next());
        let rate = rate.with_context(|| format!("pgbench printed no tps:\n{said}"))?;
        Ok(rate.parse()?)
    }

    fn collection_url(&self, name: &str) -> String {
        format!(
            "{}/v1/gpts/bench/collections/{name}/objects",
            self.server.base_url()
        )
    }

    fn wrk(&self, url: &str, connections: u32, seconds: u32, words: &[&str]) -> Result<Measured> {
        let mut wrk = Command::new(&self.wrk);
        // One thread is plenty, and leaves the cores to what is measured.
        wrk.args(["--threads", "1", "--connections", &connections.to_string()]);
        wrk.arg(format!("--duration={seconds}s"))
            .arg("--script")
            .arg(self.folder.join("load.lua"));
        wrk.arg("--header")
            .arg(format!("Authorization: Bearer {}", self.key));
        wrk.arg(url).arg("--").args(words);
        let said = output(&mut wrk)?;
        let summary = said.lines().rev().find(|line| line.starts_with('{'));
        let summary = summary.with_context(|| format!("wrk printed no summary:\n{said}"))?;
        measured(&serde_json::from_str(summary)?, url)
    }
}

fn measured(summary: &Summary, url: &str) -> Result<Measured> {
    let Summary {
        requests, failed, ..
    } = *summary;
    ensure!(
        failed == 0 && requests > 0,
        "{failed} of {requests} requests to {url} failed"
    );
    let milliseconds = |microseconds: u64| microseconds as f64 / 1e3;
    Ok(Measured {
        per_second: requests as f64 / (summary.duration as f64 / 1e6),
        p50: milliseconds(summary.p50),
        p99: milliseconds(summary.p99),
    })
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run `{name}`"))?;
    let faults = String::from_utf8_lossy(&output.stderr);
    // Every one of 64 clients says the same.
    let fault = faults.lines().next().unwrap_or("it does not say why");
    ensure!(output.status.success(), "`{name}` failed: {fault}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_failed_request_fails_the_round() {
        let mut summary = Summary {
            requests: 1000,
            failed: 0,
            duration: 500_000,
            p50: 1500,
            p99: 2500,
        };
        let round = measured(&summary, "").unwrap();
        assert_eq!((round.per_second, round.p50, round.p99), (2000.0, 1.5, 2.5));
        summary.failed = 1;
        assert!(measured(&summary, "").is_err());
    }
}
