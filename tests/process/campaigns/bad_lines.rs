//! Large imports with bad lines of every kind among the good: memory that does not grow with them,
//! and a report that is exact.

use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream;
use reqwest::{Body, Method};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::super::file_calls::KEY_1;
use super::super::{Answer, Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

/// Lines, unless `CAMPAIGN_IMPORT_LINES` says another number.
const LINES: usize = 200_000;
/// How long a thousand lines may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// Most memory of the server above what it had before, in bytes.
const MEMORY: u64 = 150 << 20;
/// Errors that are told.
const TOLD: usize = 100;
/// Lines that are sent in one piece.
const PIECE: usize = 1000;

/// What every so many lines have in common; the bad lines stand first in them.
const CYCLE: usize = 64;
/// What is rare comes once in so many lines.
const RARE: usize = 20_000;
/// The longest line that is read.
const LONGEST: usize = (1 << 20) + (4 << 10);

/// A line, and what is said of it if it is bad.
struct Line {
    text: Vec<u8>,
    kind: Kind,
}

enum Kind {
    Object,
    Collection,
    Blank,
    /// With words of what is said.
    Bad(&'static str),
}

/// How many of what were sent.
#[derive(Default)]
struct Sent {
    bytes: u64,
    objects: u64,
    collections: u64,
    bad: u64,
    /// The first bad lines, and words of what is said of them.
    told: Vec<(usize, &'static str)>,
}

on_each_database!(campaign_imports_with_bad_lines);

async fn campaign_imports_with_bad_lines(database: ScratchDatabase) {
    let count = std::env::var("CAMPAIGN_IMPORT_LINES");
    let count: usize = count.map_or(LINES, |count| count.parse().unwrap());
    let settings = [("FILES_ENCRYPTION_KEY", KEY_1)];
    let server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    assert_eq!(caller.status().await, 200);
    let idle = server.resident_memory();
    let start = Instant::now();
    let id = send(&caller, count).await;
    let sending = start.elapsed();
    let job = ended(&caller, &id, count).await;
    let all = start.elapsed();
    let peak = server.peak_memory();
    println!(
        "{count} lines, sent in {sending:?}, imported after {all:?}; memory {} MB, at most {} MB",
        idle >> 20,
        peak >> 20
    );
    assert!(
        peak < idle + MEMORY,
        "{peak} bytes of memory, {idle} before"
    );
    let sent = Sent::of(count);
    assert_eq!(job["state"], "succeeded", "{job}");
    let progress = json!({
        "lines": count, "objects": sent.objects, "collections": sent.collections,
        "failed_lines": sent.bad, "bytes": sent.bytes, "total_bytes": sent.bytes,
    });
    assert_eq!(job["progress"], progress);
    sent.is_told(&job["errors"]);
    let objects = database.execute("UPDATE objects SET version = version");
    assert_eq!(objects.await, sent.objects);
}

/// Sends the lines piece by piece, and gives the id of their job.
async fn send(caller: &Caller, count: usize) -> String {
    let pieces = (1..=count).step_by(PIECE);
    let pieces = pieces.map(move |first| piece(first..(first + PIECE).min(count + 1)));
    let content = Body::wrap_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let request = caller
        .request(Method::POST, "/v1/gpts/alice/imports")
        .header("content-type", "application/x-ndjson")
        .timeout(patience(count));
    let answer = Answer::to(request.body(content)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.id()
}

fn piece(numbers: Range<usize>) -> Bytes {
    let mut piece = Vec::new();
    for number in numbers {
        piece.extend(line(number).text);
        piece.push(b'\n');
    }
    piece.into()
}

async fn ended(caller: &Caller, id: &str, count: usize) -> Value {
    let start = Instant::now();
    loop {
        let answer = caller.get(&format!("/v1/jobs/{id}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        if !answer.body["finished_at"].is_null() {
            return answer.body;
        }
        assert!(start.elapsed() < patience(count), "{}", answer.body);
        sleep(Duration::from_millis(50)).await;
    }
}

fn patience(count: usize) -> Duration {
    Duration::from_secs(10) + PATIENCE.mul_f64(count as f64 / 1e3)
}

impl Sent {
    fn of(count: usize) -> Self {
        let mut sent = Self::default();
        for number in 1..=count {
            let line = line(number);
            sent.bytes += line.text.len() as u64 + 1;
            match line.kind {
                Kind::Object => sent.objects += 1,
                Kind::Collection => sent.collections += 1,
                Kind::Blank => {}
                Kind::Bad(said) => {
                    sent.bad += 1;
                    if sent.told.len() < TOLD {
                        sent.told.push((number, said));
                    }
                }
            }
        }
        sent
    }

    /// Exactly the first bad lines are told, each with what is wrong with it.
    fn is_told(&self, errors: &Value) {
        let errors = errors.as_array().unwrap();
        let numbers: Vec<_> = errors.iter().map(|error| &error["line"]).collect();
        let expected: Vec<_> = self.told.iter().map(|(line, _)| json!(line)).collect();
        assert_eq!(numbers, expected.iter().collect::<Vec<_>>());
        for (error, (line, said)) in errors.iter().zip(&self.told) {
            let detail = error["detail"].as_str().unwrap();
            assert!(detail.contains(said), "line {line}: {detail}, not {said}");
        }
    }
}

/// The line of this number, from 1.
fn line(number: usize) -> Line {
    if number == 1 {
        return Line {
            text: collection(r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#),
            kind: Kind::Collection,
        };
    }
    rare(number).unwrap_or_else(|| usual(number))
}

/// What is long, or ends a batch.
fn rare(number: usize) -> Option<Line> {
    let text = |length: usize| format!(r#""text":"{}""#, "x".repeat(length));
    let (text, kind) = match number % RARE {
        100 => (
            object(&text(LONGEST)),
            Kind::Bad("The line is larger than 1048576 bytes"),
        ),
        101 => (collection(r#"{"type":"nothing"}"#), Kind::Bad("/type")),
        102 => (collection(&schema_of(number)), Kind::Collection),
        103 => (object(&text(900_000)), Kind::Object),
        _ => return None,
    };
    Some(Line { text, kind })
}

/// Another one each time, so that what is known of the collection is not what is there.
fn schema_of(number: usize) -> String {
    let properties = json!({ "n": { "type": "integer" } });
    json!({ "type": "object", "properties": properties, "title": number.to_string() }).to_string()
}

/// The bad lines that come in every cycle, and words of what is said of them.
const BAD: &[(&str, &str)] = &[
    ("nonsense", "must be a JSON object"),
    (
        r#"["notes",null,null,null,null,{}]"#,
        "must be a JSON object",
    ),
    (r#"{"collection":"notes","body":{}"#, "EOF"),
    (r#"{"body":{}}"#, "/collection: is missing"),
    (
        r#"{"collection":"no name","body":{}}"#,
        "/collection: must be",
    ),
    (
        r#"{"collection":"elsewhere","body":{}}"#,
        "no such collection",
    ),
    (r#"{"collection":"notes"}"#, "a body or a schema"),
    (
        r#"{"collection":"notes","body":{},"schema":{}}"#,
        "and not both",
    ),
    (
        r#"{"collection":"notes","body":{},"extra":1}"#,
        "unknown field `extra`",
    ),
    (
        r#"{"collection":"notes","body":[]}"#,
        "/body: must be a JSON object",
    ),
    (r#"{"collection":"notes","body":{"n":"x"}}"#, "/body/n"),
    (r#"{"collection":"notes","body":{"a":"\u0000"}}"#, "U+0000"),
    (
        r#"{"collection":"notes","body":{"a":"\ud800"}}"#,
        "surrogate",
    ),
    (
        r#"{"collection":"notes","body":{"a":1e131072}}"#,
        "131072 digits",
    ),
    (
        r#"{"collection":"notes","body":{},"version":0}"#,
        "/version: must be at least 1",
    ),
    (
        r#"{"collection":"notes","body":{},"created_at":"2026-01-02T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}"#,
        "/updated_at: is before created_at",
    ),
    (r#"{"collection":"notes","body":{},"id":"one"}"#, "UUID"),
    (
        r#"{"collection":"notes","body":{},"created_at":"yesterday"}"#,
        "premature end of input",
    ),
];

fn usual(number: usize) -> Line {
    const TAKEN: &str = "an object with this id already";
    let place = number % CYCLE;
    if let Some((text, said)) = BAD.get(place) {
        let text = text.as_bytes().to_vec();
        let kind = Kind::Bad(said);
        return Line { text, kind };
    }
    let n = format!(r#""n":{number}"#);
    let (text, kind) = match place - BAD.len() {
        0 => (b" \r".to_vec(), Kind::Blank),
        1 => (vec![b'"', 0xff, b'"'], Kind::Bad("invalid utf-8")),
        2 => (object(&deep()), Kind::Bad("deeper than 64 levels")),
        3 => (with_id(number), Kind::Object),
        4 => (with_id(number - 1), Kind::Bad(TAKEN)),
        // Of the first cycle: soon a batch that was committed long ago.
        5 => (with_id(BAD.len() + 3), Kind::Bad(TAKEN)),
        _ => (object(&n), Kind::Object),
    };
    Line { text, kind }
}

fn object(members: &str) -> Vec<u8> {
    format!(r#"{{"collection":"notes","body":{{{members}}}}}"#).into()
}

fn with_id(number: usize) -> Vec<u8> {
    let id = format!("0198c2f4-7b1e-7c33-9f0a-{number:012x}");
    format!(r#"{{"collection":"notes","id":"{id}","body":{{}}}}"#).into()
}

fn collection(schema: &str) -> Vec<u8> {
    format!(r#"{{"collection":"notes","schema":{schema}}}"#).into()
}

fn deep() -> String {
    format!(r#""a":{}{}"#, "[".repeat(64), "]".repeat(64))
}
