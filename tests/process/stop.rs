//! How a server stops, and how one does not start.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{Answer, Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::http;
use crate::support::process::{Program, ServerProcess};

/// Requests in flight when the server is asked to stop.
const IN_FLIGHT: usize = 32;
/// Bytes of each document.
const DOCUMENT_BYTES: usize = 64 << 10;

on_each_database!(a_stop_finishes_what_is_in_flight);

async fn a_stop_finishes_what_is_in_flight(database: ScratchDatabase) {
    let mut server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;

    let requests = (0..IN_FLIGHT).map(|_| HalfRequest::send(&server, caller.key()));
    let requests = join_all(requests).await;
    // Its header was read when the body is asked for; what is sent after that is in flight.
    server.ask_to_stop();
    wait_until_refused(&server).await;
    let answers = join_all(requests.into_iter().map(HalfRequest::finish)).await;
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }
    let status = server.wait_for_end(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", server.stderr());

    let stored = database.execute("DELETE FROM objects").await;
    assert_eq!(stored, IN_FLIGHT as u64);
}

/// Balancers look at readiness now and then, so a server that leaves answers what they still send.
#[tokio::test]
async fn a_server_that_leaves_says_so_and_answers_for_a_while() {
    let program = Program::new().with("SHUTDOWN_DELAY_SECONDS", "2");
    let mut server = program.serve(&[]).await;
    let address = ("127.0.0.1", server.port());
    let idle = TcpStream::connect(address).await.unwrap();
    // The actors of the contract's tests take no 503 for an answer.
    let get = async |path: &str| Answer::to(http::client().get(server.url(path))).await;
    let before = get("/health/ready").await;
    assert_eq!((before.status, before.header("connection")), (200, ""));
    server.ask_to_stop();
    let asked = Instant::now();
    server.logs("asked to stop").await;
    let ready = get("/health/ready").await;
    assert_eq!((ready.status, ready.header("connection")), (503, "close"));
    let detail = "The server is stopping: send requests to another one.";
    assert_eq!(ready.body["detail"], detail);
    let health = get("/health").await;
    assert_eq!((health.status, health.header("connection")), (200, "close"));
    // Also one that was opened before and was never used.
    let answer = ask_for_health(idle).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(2));
    let status = server.wait_for_end(Duration::from_secs(10)).await;
    assert!(asked.elapsed() >= Duration::from_secs(2));
    assert_eq!(status.code(), Some(0), "{}", server.stderr());
}

/// Everything that comes on a connection until the server closes it.
async fn ask_for_health(mut connection: TcpStream) -> String {
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A create of which the server has the header and half of the body.
struct HalfRequest {
    connection: TcpStream,
    rest: String,
}

impl HalfRequest {
    async fn send(server: &ServerProcess, key: &str) -> Self {
        let body = format!(r#"{{"body":{{"text":"{}"}}}}"#, "x".repeat(DOCUMENT_BYTES));
        let head = format!(
            "POST /v1/gpts/alice/collections/notes/objects HTTP/1.1\r\n\
             Host: localhost\r\n\
             Authorization: Bearer {key}\r\n\
             Content-Type: application/json\r\n\
             Content-Length: {}\r\n\
             Expect: 100-continue\r\n\r\n",
            body.len()
        );
        let address = ("127.0.0.1", server.port());
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut interim = [0; 25];
        connection.read_exact(&mut interim).await.unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        let (half, rest) = body.split_at(body.len() / 2);
        connection.write_all(half.as_bytes()).await.unwrap();
        Self {
            connection,
            rest: rest.to_owned(),
        }
    }

    /// Sends the rest and reads the answer to the end of the connection.
    async fn finish(mut self) -> String {
        self.connection
            .write_all(self.rest.as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        let whole = self.connection.read_to_end(&mut answer);
        let read = timeout(Duration::from_secs(10), whole).await;
        read.expect("the server keeps the connection").unwrap();
        String::from_utf8(answer).unwrap()
    }
}

async fn wait_until_refused(server: &ServerProcess) {
    for _ in 0..500 {
        match TcpStream::connect(("127.0.0.1", server.port())).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            _ => sleep(Duration::from_millis(2)).await,
        }
    }
    panic!("a server that was asked to stop still takes connections");
}

#[tokio::test]
async fn a_second_server_on_the_same_port_fails_and_changes_nothing() {
    let first = Program::new().serve(&[]).await;
    let address = format!("127.0.0.1:{}", first.port());
    let second = Program::new().with("LISTEN", &address);
    second
        .run(&["serve"])
        .failed_saying(&format!("cannot listen on {address}"));
    assert_eq!(std::fs::read_dir(second.folder()).unwrap().count(), 0);
    first.program().run(&["health"]).succeeded();
}
