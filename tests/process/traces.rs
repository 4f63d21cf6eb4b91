//! Traces, as a collector gets them, and the times that a caller is told.

use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::caller::create_key;
use crate::support::cluster::ScratchDatabase;
use crate::support::http::Http;
use crate::support::process::ServerProcess;

const STOP_LIMIT: Duration = Duration::from_secs(10);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// The path and body of the one request that comes to `listener`, which is answered with 200.
async fn export(listener: TcpListener) -> (String, Vec<u8>) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if let Some(rest) = line.strip_prefix("post ") {
            path = rest.split(' ').next().unwrap().to_owned();
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    (path, body)
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[tokio::test]
async fn a_request_is_traced_under_its_callers_span() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let exported = tokio::spawn(export(listener));
    let database = ScratchDatabase::sqlite();
    // Only what its caller traces is traced here.
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
        ("LOG", "info"),
    ];
    let mut server = ServerProcess::start(database.url(), &settings).await;
    let key = create_key(server.program(), "alice");
    let get = |path: &str| Http::new(server.url("")).call(Method::GET, path).key(&key);
    get("/v1/limits")
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .await
        .expect(200);
    get("/v1/gpts/alice/collections").await.expect(200);
    server.terminate(STOP_LIMIT).await;

    let (path, body) = exported.await.unwrap();
    assert_eq!(path, "/v1/traces");
    let has = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
    for part in [
        "get_limits",
        "authorize",
        "handle",
        "/v1/limits",
        "gpt-object-store",
    ] {
        assert!(has(part.as_bytes()), "{part}");
    }
    assert!(has(&bytes(TRACE)) && has(&bytes(PARENT)));
    assert!(!has(b"list_collections") && !has(key.as_bytes()));
    let log = server.stderr();
    assert!(log.contains(&format!(r#""trace_id":"{TRACE}""#)), "{log}");
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let database = ScratchDatabase::sqlite();
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let mut server = ServerProcess::start(database.url(), &settings).await;
    let health = Http::new(server.url("")).call(Method::GET, "/health");
    health.await.expect(200);
    assert!(server.terminate(STOP_LIMIT).await.success());
}

#[tokio::test]
async fn times_are_told_to_who_asks() {
    let database = ScratchDatabase::sqlite();
    let server = ServerProcess::start(database.url(), &[]).await;
    let key = create_key(server.program(), "alice");
    let get = || {
        Http::new(server.url(""))
            .call(Method::GET, "/v1/limits")
            .key(&key)
    };
    let told = get().header("prefer", "server-timing").await.expect(200);
    let timing = told.header("server-timing").unwrap();
    for part in ["auth;dur=", "handle;dur=", "total;dur="] {
        assert!(timing.contains(part), "{timing}");
    }
    assert_eq!(get().await.expect(200).header("server-timing"), None);
}
