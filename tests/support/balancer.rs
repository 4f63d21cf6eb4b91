//! A balancer as it stands in front of replicas: it asks each whether it is ready, keeps connections
//! to them, and tries nothing twice, so that nothing which fails is hidden.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How often each server is asked.
const INTERVAL: Duration = Duration::from_millis(200);
/// Longer than any request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The failure of one request, in words.
type Failure = String;
type Connection = SendRequest<Full<Bytes>>;

/// What asks servers whether they are ready, and knows who is. Stops asking when it is dropped.
pub struct Balancer {
    servers: Mutex<Vec<Arc<Server>>>,
    turn: AtomicUsize,
}

/// A server, and what it said last.
struct Server {
    port: u16,
    is_ready: AtomicBool,
    is_known: AtomicBool,
}

/// Requests of one caller, one after the other: at most one connection to each server.
pub struct Lane {
    balancer: Arc<Balancer>,
    key: String,
    connections: HashMap<u16, Connection>,
    /// How often a server asked for the connection to be given up.
    pub sent_away: usize,
}

/// An answer that is 2xx.
pub struct Answered {
    pub body: Value,
    pub port: u16,
}

impl Balancer {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            servers: Mutex::default(),
            turn: AtomicUsize::new(0),
        })
    }

    /// Takes a server in, and waits until it is ready.
    pub async fn add(&self, port: u16) {
        let server = Arc::new(Server {
            port,
            is_ready: AtomicBool::new(false),
            is_known: AtomicBool::new(true),
        });
        self.servers.lock().unwrap().push(server.clone());
        tokio::spawn(keep_asking(server.clone()));
        let ready = async {
            while !server.is_ready.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, ready).await.unwrap();
    }

    /// Forgets a server that has ended.
    pub fn remove(&self, port: u16) {
        let mut servers = self.servers.lock().unwrap();
        let place = servers.iter().position(|server| server.port == port);
        let gone = servers.remove(place.unwrap());
        gone.is_known.store(false, Ordering::Relaxed);
    }

    /// Requests with `key`, as one caller makes them.
    pub fn lane(self: &Arc<Self>, key: &str) -> Lane {
        Lane {
            balancer: self.clone(),
            key: key.to_owned(),
            connections: HashMap::new(),
            sent_away: 0,
        }
    }

    /// Whose turn it is of those that are ready.
    fn next(&self) -> Option<u16> {
        let servers = self.servers.lock().unwrap();
        let ready = servers
            .iter()
            .filter(|server| server.is_ready.load(Ordering::Relaxed));
        let ports: Vec<_> = ready.map(|server| server.port).collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        (!ports.is_empty()).then(|| ports[turn % ports.len()])
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        for server in self.servers.lock().unwrap().iter() {
            server.is_known.store(false, Ordering::Relaxed);
        }
    }
}

impl Lane {
    /// Sends one request to one server, once.
    ///
    /// # Errors
    /// In words, whatever is no 2xx.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answered, Failure> {
        let port = self.balancer.next().ok_or("no server is ready")?;
        let mut connection = match self.connections.remove(&port) {
            // The server may have closed it while it lay idle, which every balancer notices.
            Some(kept) if !kept.is_closed() => kept,
            _ => connect(port).await?,
        };
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(HOST, format!("127.0.0.1:{port}"))
            .header(AUTHORIZATION, format!("Bearer {}", self.key))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(text))
            .unwrap();
        let exchanged = timeout(PATIENCE, exchange(&mut connection, request));
        let exchanged = exchanged.await.map_err(|_| "no answer".to_owned());
        let answer = exchanged.and_then(|answer| answer);
        let answer = answer.map_err(|failure| format!("{method} {path} at {port}: {failure}"))?;
        if answer
            .headers()
            .get(CONNECTION)
            .is_some_and(|it| it == "close")
        {
            self.sent_away += 1;
        } else {
            self.connections.insert(port, connection);
        }
        let body = serde_json::from_slice(answer.body()).unwrap_or_default();
        Ok(Answered { body, port })
    }
}

/// Sends a request and reads the whole answer, which must be 2xx.
async fn exchange(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Failure> {
    let said = |error: hyper::Error| format!("{error:?}");
    connection.ready().await.map_err(said)?;
    let (head, body) = connection
        .send_request(request)
        .await
        .map_err(said)?
        .into_parts();
    let body = body.collect().await.map_err(said)?.to_bytes();
    if !head.status.is_success() {
        return Err(format!("{}: {body:?}", head.status));
    }
    Ok(Response::from_parts(head, body))
}

async fn connect(port: u16) -> Result<Connection, Failure> {
    let said = |error: &dyn std::error::Error| format!("cannot connect to {port}: {error}");
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    let stream = stream.map_err(|error| said(&error))?;
    stream.set_nodelay(true).map_err(|error| said(&error))?;
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| said(&error))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Asks on a new connection each time, as balancers do, so that one which is full is noticed.
async fn keep_asking(server: Arc<Server>) {
    while server.is_known.load(Ordering::Relaxed) {
        let is_ready = timeout(PATIENCE, ask(server.port)).await;
        let is_ready = matches!(is_ready, Ok(Ok(())));
        server.is_ready.store(is_ready, Ordering::Relaxed);
        sleep(INTERVAL).await;
    }
}

async fn ask(port: u16) -> Result<(), Failure> {
    let mut connection = connect(port).await?;
    let request = Request::get("/health/ready").header(HOST, "localhost");
    let request = request.body(Full::default()).unwrap();
    exchange(&mut connection, request).await.map(|_| ())
}
