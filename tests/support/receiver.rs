//! A receiver of changes: a small HTTP server that keeps what it gets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// Longer than any delivery of the suite may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The answer of a receiver that takes everything.
pub const TAKEN: &str = "204 No Content";

/// What came in one request.
#[derive(Clone, Debug)]
pub struct Delivery {
    headers: HashMap<String, String>,
    body: String,
}

impl Delivery {
    /// The payload.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The same as it came.
    pub fn text(&self) -> &str {
        &self.body
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// What happened: the type without `object.`, and the version.
    pub fn told(&self) -> (String, i64) {
        let json = self.json();
        let kind = json["type"].as_str().unwrap().strip_prefix("object.");
        let version = json["data"]["version"].as_i64().unwrap();
        (kind.unwrap().to_owned(), version)
    }

    /// Whether a receiver that knows `secret` believes it, by another's implementation.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let headers = self.headers.iter().map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        let headers: HeaderMap = headers.collect();
        let webhook = Webhook::new(secret).unwrap();
        webhook.verify(self.body.as_bytes(), &headers).is_ok()
    }
}

/// The server; it ends with the test.
pub struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<Delivery>>>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        Self::answering(|_, _| TAKEN.to_owned()).await
    }

    /// One that answers the delivery with this number, from 0 on, with a status line and headers, or
    /// never where they are empty.
    pub async fn answering(
        answer: impl Fn(usize, &Delivery) -> String + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/changes", listener.local_addr().unwrap());
        let received = Arc::default();
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept), answer.clone()));
            }
        });
        Self { url, received }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Delivery> {
        self.received.lock().unwrap().clone()
    }

    /// What came, once there are so many.
    pub async fn until(&self, count: usize) -> Vec<Delivery> {
        let start = Instant::now();
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            let came = received.len();
            assert!(start.elapsed() < PATIENCE, "{came} of {count} came");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn serve(
    stream: TcpStream,
    kept: Arc<Mutex<Vec<Delivery>>>,
    answer: impl Fn(usize, &Delivery) -> String,
) {
    let mut stream = BufReader::new(stream);
    while let Some(delivery) = read(&mut stream).await {
        let number = {
            let mut kept = kept.lock().unwrap();
            kept.push(delivery.clone());
            kept.len() - 1
        };
        let answer = answer(number, &delivery);
        if answer.is_empty() {
            sleep(PATIENCE).await;
        }
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request of a connection, until it is closed.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Delivery> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    assert!(line.is_empty() || line.starts_with("POST /"), "{line}");
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length")?.parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).unwrap();
    Some(Delivery { headers, body })
}
