//! Imports: lines that are sent, until their job is done, beside `COPY` of the same rows into a table
//! with the same columns, constraints and indexes, in the same cluster.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Plan;
use super::load::median;
use super::report::{Bar, Line};
use crate::servers::{Cluster, ObjectStore};

/// The length of a document, in bytes.
const DOCUMENT: usize = 300;
/// How often a job is looked at.
const PAUSE: Duration = Duration::from_millis(10);
/// Objects a second that must be reached on PostgreSQL.
const RATE: f64 = 20_000.0;
/// The share of what `COPY` reaches that must be reached.
const OF_COPY: f64 = 0.5;
const DATABASE: &str = "bench_imports";

/// The same documents as an import takes them and as `COPY` does.
struct Sent {
    lines: PathBuf,
    rows: PathBuf,
}

/// Objects a second of each round.
#[derive(Default)]
struct Rates {
    /// From the answer 202 to the end of the job.
    worked_on: Vec<f64>,
    /// From the first byte that was sent.
    in_all: Vec<f64>,
}

/// A server with a key.
struct Importer {
    server: ObjectStore,
    key: String,
}

/// The lines of both databases.
///
/// # Errors
/// When a server does not start, or an import is not complete.
pub fn lines(program: &Path, cluster: &Cluster, plan: &Plan) -> Result<Vec<Line>> {
    let folder = tempfile::tempdir()?;
    let sent = Sent::write(folder.path(), plan.documents)?;
    let (ours, copied) = beside_copy(program, cluster, &sent, folder.path(), plan)?;
    let (rate, copied) = (median(&ours.worked_on), median(&copied));
    let name = format!("import of {} documents of {DOCUMENT} bytes", plan.documents);
    let on_postgres = Line {
        name: format!("{name}, PostgreSQL"),
        ours: ours.text(),
        beside: format!("COPY {copied:.0}/s"),
        compared: rate / copied,
        is_ratio: true,
        bar: Some(Bar::AtLeast(OF_COPY)),
        goal: None,
    };
    let a_second = Line {
        name: "objects imported a second, PostgreSQL".to_owned(),
        ours: format!("{rate:.0}/s"),
        beside: String::new(),
        compared: rate,
        is_ratio: false,
        bar: Some(Bar::AtLeast(RATE)),
        goal: None,
    };
    let ours = on_sqlite(program, &sent, folder.path(), plan)?;
    let on_sqlite = Line {
        name: format!("{name}, SQLite"),
        ours: ours.text(),
        beside: String::new(),
        compared: median(&ours.worked_on),
        is_ratio: false,
        bar: None,
        goal: None,
    };
    Ok(vec![on_postgres, a_second, on_sqlite])
}

/// Imports and copies by turns, each into an empty table.
fn beside_copy(
    program: &Path,
    cluster: &Cluster,
    sent: &Sent,
    folder: &Path,
    plan: &Plan,
) -> Result<(Rates, Vec<f64>)> {
    super::psql(
        cluster,
        "postgres",
        &["-c", &format!("CREATE DATABASE {DATABASE}")],
    )?;
    let importer = Importer::start(program, &cluster.url(DATABASE), &folder.join("postgres"))?;
    let alike = folder.join("alike.sql");
    fs::write(&alike, include_str!("alike.sql"))?;
    super::psql(cluster, DATABASE, &["-f", &alike.to_string_lossy()])?;
    let (mut ours, mut copied) = (Rates::default(), Vec::new());
    for round in 0..plan.rounds {
        let import = |ours: &mut Rates| {
            emptied(cluster)?;
            importer.import(sent, plan.documents, ours)
        };
        if round % 2 == 0 {
            import(&mut ours)?;
        }
        copied.push(copy(cluster, sent, plan.documents)?);
        if round % 2 == 1 {
            import(&mut ours)?;
        }
        println!(
            "round {} of {}: {:.0} beside {:.0} a second",
            round + 1,
            plan.rounds,
            ours.worked_on.last().unwrap_or(&f64::NAN),
            copied.last().unwrap_or(&f64::NAN)
        );
    }
    Ok((ours, copied))
}

fn on_sqlite(program: &Path, sent: &Sent, folder: &Path, plan: &Plan) -> Result<Rates> {
    let mut ours = Rates::default();
    for round in 0..plan.rounds.min(3) {
        let folder = folder.join(format!("sqlite-{round}"));
        let url = format!("sqlite://{}/imports.db", folder.display());
        let importer = Importer::start(program, &url, &folder)?;
        importer.import(sent, plan.documents, &mut ours)?;
    }
    Ok(ours)
}

/// Neither side pays for what a round before it has left.
fn emptied(cluster: &Cluster) -> Result<()> {
    let empty = ["-c", "TRUNCATE objects, bench_objects", "-c", "CHECKPOINT"];
    super::psql(cluster, DATABASE, &empty)
}

/// Copies all rows; returns rows a second.
fn copy(cluster: &Cluster, sent: &Sent, documents: u32) -> Result<f64> {
    emptied(cluster)?;
    let copy = format!(
        "\\copy bench_objects (gpt_id, id, collection, body, version, created_at, updated_at) \
         FROM '{}'",
        sent.rows.display()
    );
    let start = Instant::now();
    super::psql(cluster, DATABASE, &["-c", &copy])?;
    Ok(f64::from(documents) / start.elapsed().as_secs_f64())
}

impl Importer {
    fn start(program: &Path, url: &str, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let server = ObjectStore::start(program, url, folder)?;
        let key = server.make_key("bench")?;
        let importer = Self { server, key };
        importer
            .posting("/v1/gpts/bench/collections")
            .send_json(json!({ "name": "notes" }))
            .context("cannot make the collection")?;
        Ok(importer)
    }

    fn import(&self, sent: &Sent, documents: u32, rates: &mut Rates) -> Result<()> {
        let file = File::open(&sent.lines)?;
        let start = Instant::now();
        let mut answer = self
            .posting("/v1/gpts/bench/imports")
            .header("Content-Type", "application/x-ndjson")
            .send(file)
            .context("cannot send the lines")?;
        let accepted = Instant::now();
        let job: Value = answer.body_mut().read_json()?;
        let id = job["id"].as_str().context("a job without an id")?;
        let job = self.ended(id)?;
        let (worked_on, in_all) = (accepted.elapsed(), start.elapsed());
        ensure!(
            job["progress"]["objects"] == documents,
            "the import is not complete: {job}"
        );
        let rate = |time: Duration| f64::from(documents) / time.as_secs_f64();
        rates.worked_on.push(rate(worked_on));
        rates.in_all.push(rate(in_all));
        Ok(())
    }

    fn ended(&self, id: &str) -> Result<Value> {
        let url = format!("{}/v1/jobs/{id}", self.server.base_url());
        loop {
            let request = ureq::get(&url).header("Authorization", format!("Bearer {}", self.key));
            let job: Value = request.call()?.body_mut().read_json()?;
            if !job["finished_at"].is_null() {
                return Ok(job);
            }
            sleep(PAUSE);
        }
    }

    fn posting(&self, path: &str) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
        ureq::post(format!("{}{path}", self.server.base_url()))
            .header("Authorization", format!("Bearer {}", self.key))
    }
}

impl Rates {
    fn text(&self) -> String {
        let (worked_on, in_all) = (median(&self.worked_on), median(&self.in_all));
        format!("{worked_on:.0}/s (with the sending {in_all:.0}/s)")
    }
}

impl Sent {
    fn write(folder: &Path, documents: u32) -> Result<Self> {
        let sent = Self {
            lines: folder.join("lines.ndjson"),
            rows: folder.join("rows.copy"),
        };
        let mut lines = BufWriter::new(File::create(&sent.lines)?);
        let mut rows = BufWriter::new(File::create(&sent.rows)?);
        for number in 0..documents {
            let body = document(number);
            writeln!(lines, r#"{{"collection":"notes","body":{body}}}"#)?;
            // In the order of their ids and times, as those that we give.
            let id = format!("01900000-0000-7000-8000-{number:012x}");
            let (seconds, rest) = (number / 10_000, number % 10_000);
            let (minute, second) = (seconds / 60, seconds % 60);
            let moment = format!("2026-01-01 00:{minute:02}:{second:02}.{rest:04}+00");
            writeln!(rows, "bench\t{id}\tnotes\t{body}\t1\t{moment}\t{moment}")?;
        }
        lines.flush()?;
        rows.flush()?;
        Ok(sent)
    }
}

/// A document of [`DOCUMENT`] bytes; no two are alike.
fn document(number: u32) -> String {
    // Knuth's multiplicative hash: words that no index has met before.
    let word = format!("{:08x} ", number.wrapping_mul(2_654_435_761));
    let head = format!(r#"{{"title":"Note {number}","number":{number},"text":""#);
    let tail = r#"","tags":["home","errands","weekly"],"done":false}"#;
    let text = word.repeat(DOCUMENT / word.len());
    let room = DOCUMENT.saturating_sub(head.len() + tail.len());
    format!("{head}{}{tail}", &text[..room])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_their_length() {
        for number in [0, 7, 123_456, u32::MAX] {
            let text = document(number);
            assert_eq!(text.len(), DOCUMENT);
            let body: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(body["number"], number);
        }
    }
}
