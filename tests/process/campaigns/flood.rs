//! Garbage, slow clients and a thousand connections, while a well-behaved client works on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::super::{Answer, Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

const FLOOD: Duration = Duration::from_secs(5);
/// Clients of each bad kind at any moment.
const BAD_CLIENTS: usize = 4;
/// Connections that send nothing.
const IDLE_CONNECTIONS: usize = 1_000;
/// Files that the test needs beside them.
const RESERVE: usize = 64;
/// What the server may have resident, built for debugging.
const MEMORY: u64 = 150 << 20;
/// Longest that the well-behaved client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

on_each_database!(campaign_flood);

async fn campaign_flood(database: ScratchDatabase) {
    let server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;

    let held = hold_connections(server.port()).await;
    let attempts = Arc::new(AtomicU64::new(0));
    let mut flood = JoinSet::new();
    for kind in [
        Kind::RandomBytes,
        Kind::HalfRequest,
        Kind::HugeHeader,
        Kind::HugeBody,
    ] {
        for _ in 0..BAD_CLIENTS {
            flood.spawn(harass(server.port(), kind, Arc::clone(&attempts)));
        }
    }
    let (answers, slowest, memory) = behave_well(&server, &caller).await;
    drop(flood);
    let attempts = attempts.load(Ordering::Relaxed);
    println!(
        "{answers} answers, the slowest {slowest:?}, beside {attempts} attempts and {} held connections; \
         at most {} MiB resident",
        held.len(),
        memory >> 20
    );
    assert!(answers >= 20, "only {answers} answers");
    assert!(attempts >= 200, "only {attempts} attempts");
    assert!(memory < MEMORY, "{memory} bytes are resident");
    assert_eq!(caller.walk("notes").await.len(), answers);
    assert!(!server.stderr().contains("panic"), "{}", server.stderr());
}

/// Creates and reads for a while; returns how often, the slowest answer, and the most memory that
/// the server had.
async fn behave_well(server: &ServerProcess, caller: &Caller) -> (usize, Duration, u64) {
    let (mut answers, mut slowest, mut memory) = (0, Duration::ZERO, 0);
    let start = Instant::now();
    while start.elapsed() < FLOOD {
        let asked = Instant::now();
        let body = json!({ "n": answers });
        let created = timeout(PATIENCE, caller.create_object("notes", &body)).await;
        let created = created.expect("a create waits too long");
        assert_eq!(created.status, 201, "{created:?}");
        let path = format!("/v1/objects/{}", created.id());
        let found = timeout(PATIENCE, caller.get(&path)).await;
        let found: Answer = found.expect("a get waits too long");
        assert_eq!(found.body["body"]["n"], answers, "{found:?}");
        slowest = slowest.max(asked.elapsed());
        memory = memory.max(server.resident_memory());
        answers += 1;
        sleep(Duration::from_millis(10)).await;
    }
    (answers, slowest, memory)
}

#[derive(Clone, Copy)]
enum Kind {
    RandomBytes,
    HalfRequest,
    HugeHeader,
    HugeBody,
}

/// One bad client after the other, until it is aborted. Whatever the server does to it is right.
async fn harass(port: u16, kind: Kind, attempts: Arc<AtomicU64>) {
    loop {
        let _answered = timeout(Duration::from_millis(500), spoil(port, kind)).await;
        attempts.fetch_add(1, Ordering::Relaxed);
        // The flood must leave the well-behaved client some of the processor.
        sleep(Duration::from_millis(20)).await;
    }
}

async fn spoil(port: u16, kind: Kind) -> std::io::Result<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
    match kind {
        Kind::RandomBytes => {
            let mut bytes = [0; 4096];
            getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
            connection.write_all(&bytes).await?;
        }
        Kind::HalfRequest => {
            let half = b"POST /v1/gpts/alice/collections HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{";
            for byte in half {
                connection.write_all(&[*byte]).await?;
                sleep(Duration::from_millis(2)).await;
            }
        }
        Kind::HugeHeader => {
            connection.write_all(b"GET /health HTTP/1.1\r\n").await?;
            let line = format!("X-Filler: {}\r\n", "x".repeat(8192));
            for _ in 0..256 {
                connection.write_all(line.as_bytes()).await?;
            }
        }
        Kind::HugeBody => {
            let head = b"POST /v1/gpts/alice/collections HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
            connection.write_all(head).await?;
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            for _ in 0..256 {
                connection.write_all(chunk.as_bytes()).await?;
            }
        }
    }
    connection.read_to_end(&mut Vec::new()).await.map(drop)
}

/// Opens many connections, half of them to begin a request; fewer where a process may not have so
/// many files open.
async fn hold_connections(port: u16) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for number in 0..IDLE_CONNECTIONS + RESERVE {
        let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)).await else {
            break;
        };
        if number % 2 == 0 {
            connection.write_all(b"GET /health HT").await.unwrap();
        }
        held.push(connection);
    }
    held.truncate(held.len() - RESERVE);
    held
}
