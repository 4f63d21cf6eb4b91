//! The running server as a test sees it, with the operator's commands at hand.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use futures::{StreamExt, stream};
use gpt_object_store::clock::Timestamp;
use gpt_object_store::config::{Config, Source};
use gpt_object_store::ids::GptId;
use gpt_object_store::service::{IssuedKey, KeyRequest, NewApplication, Service};
use gpt_object_store::store::{DatabaseSettings, Store};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::actor::Gpt;
use super::answer::Answer;
use super::database::Database;
use super::http::{Call, Http};
use super::oauth::{Application, REDIRECT_URI};
use super::operator::Operator;
use super::tokens::{application, grant};
use super::waiting::Waiting;

/// Every scope that a GPT's own key has.
const ALL_SCOPES: &str =
    "objects:read objects:write storage:read storage:write files:read files:write";

/// How many GPTs are made when none is waiting.
const GPTS: usize = 100;

/// How many operators are made when none is waiting.
const OPERATORS: usize = 40;

/// One of the servers that `cargo xtask test` starts, and its database.
pub struct App {
    http: Http,
    database_url: String,
    operator: OnceCell<Service>,
    waiting: Waiting,
    waiting_operators: Waiting,
}

impl Drop for App {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the test was using {}", self.database_url);
        }
    }
}

/// What `cargo xtask test` says of a server that it started.
#[derive(Deserialize)]
struct TestServer {
    url: String,
    database_url: String,
}

impl App {
    /// The server on SQLite.
    pub async fn sqlite() -> Self {
        Self::of("TEST_SERVER_SQLITE").await
    }

    /// The server on PostgreSQL.
    pub async fn postgres() -> Self {
        Self::of("TEST_SERVER_POSTGRES").await
    }

    /// The server that keeps namespaces in a bucket of S3.
    pub async fn s3() -> Self {
        Self::of("TEST_SERVER_S3").await
    }

    /// The server that keeps namespaces in a bucket of Cloud Storage.
    pub async fn gcs() -> Self {
        Self::of("TEST_SERVER_GCS").await
    }

    async fn of(variable: &str) -> Self {
        let server = std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} does not say where the server is: run `cargo xtask test`, which starts it")
        });
        let server: TestServer = serde_json::from_str(&server).unwrap();
        Self {
            http: Http::new(server.url),
            database_url: server.database_url,
            operator: OnceCell::new(),
            waiting: Waiting::of(variable),
            waiting_operators: Waiting::of(&format!("{variable}_OPERATORS")),
        }
    }

    /// What the operator's commands do while a server runs.
    pub async fn operator(&self) -> &Service {
        self.operator.get_or_init(|| self.connect()).await
    }

    async fn connect(&self) -> Service {
        let environment = BTreeMap::from([("DATABASE_URL".to_owned(), self.database_url.clone())]);
        let config = Config::read(Source::new(environment)).unwrap();
        Service::new(self.store().await, config.limits)
    }

    async fn store(&self) -> Store {
        let settings = DatabaseSettings::new(self.database_url.clone());
        Store::connect(&settings).await.unwrap()
    }

    /// A new application of `gpt` that has a secret.
    pub async fn application(&self, gpt: &Gpt) -> Application {
        self.application_at(gpt, &[REDIRECT_URI]).await
    }

    /// The same, with other redirect URIs.
    pub async fn application_at(&self, gpt: &Gpt, redirect_uris: &[&str]) -> Application {
        self.register(gpt, false, redirect_uris).await
    }

    /// A new application of `gpt` that can keep no secret.
    pub async fn public_application(&self, gpt: &Gpt, redirect_uris: &[&str]) -> Application {
        self.register(gpt, true, redirect_uris).await
    }

    async fn register(&self, gpt: &Gpt, is_public: bool, redirect_uris: &[&str]) -> Application {
        let new = NewApplication {
            name: "Notes & more".to_owned(),
            is_public,
            redirect_uris: redirect_uris.iter().map(|&uri| uri.to_owned()).collect(),
            ..application(gpt.id(), "objects:read objects:write", None)
        };
        let issued = self.operator().await.create_application(new).await;
        Application::new(self.http.clone(), gpt.clone(), &issued.unwrap().unwrap())
    }

    /// Revokes an application, as the operator does.
    pub async fn revoke(&self, application: &Application) {
        let operator = self.operator().await;
        let revoked = operator.revoke_application(&application.client_id).await;
        assert!(revoked.unwrap().is_some());
    }

    /// A connection of its own to the server's database.
    pub async fn database(&self) -> Database {
        Database::open(&self.database_url).await
    }

    /// A new GPT with a key of its own, and nothing stored.
    pub async fn gpt(&self) -> Gpt {
        let make = async || {
            let made = stream::iter(0..GPTS).map(|_| self.make_gpt());
            made.buffer_unordered(4).collect().await
        };
        let (id, key) = self.waiting.take(make).await;
        Gpt::new(self.http.clone(), &id, &key)
    }

    async fn make_gpt(&self) -> (String, String) {
        let id: GptId = format!("gpt-{}", Uuid::new_v4().simple()).parse().unwrap();
        let operator = self.operator().await;
        operator.create_gpt(&id, "a test's").await.unwrap();
        let issued = self.key(Some(&id), ALL_SCOPES, None).await;
        (id.to_string(), issued.key.reveal().to_owned())
    }

    /// An operator with a key, who speaks HTTP as the others do.
    pub async fn administrator(&self) -> Operator {
        let make = async || {
            let mut made = Vec::new();
            for _ in 0..OPERATORS {
                let issued = self.key(None, "admin", None).await;
                made.push((issued.row.id, issued.key.reveal().to_owned()));
            }
            made
        };
        let (_, key) = self.waiting_operators.take(make).await;
        Operator::new(self.http.clone(), &key)
    }

    /// A new GPT with the collection `notes`.
    pub async fn gpt_with_notes(&self) -> Gpt {
        let gpt = self.gpt().await;
        gpt.upsert_collection("notes").await.expect(201);
        gpt
    }

    /// A new key of a GPT, or of an operator.
    pub async fn key(
        &self,
        gpt: Option<&GptId>,
        scopes: &str,
        expires_at: Option<Timestamp>,
    ) -> IssuedKey {
        let request = KeyRequest {
            gpt_id: gpt.cloned(),
            name: "a test's".to_owned(),
            scopes: scopes.parse().unwrap(),
            expires_at,
            rate_limits: None,
        };
        let issued = self.operator().await.issue_key(request).await;
        issued.unwrap().unwrap()
    }

    /// A token of an application that may do to the GPT's objects what it wants, in these
    /// collections, or in all.
    pub async fn token(&self, gpt: &Gpt, collections: Option<&[&str]>) -> String {
        let scopes = "objects:read objects:write";
        self.token_with(gpt, scopes, collections).await
    }

    /// A token of an application with these scopes.
    pub async fn token_with(
        &self,
        gpt: &Gpt,
        scopes: &str,
        collections: Option<&[&str]>,
    ) -> String {
        let service = self.operator().await;
        let store = self.store().await;
        let new = application(gpt.id(), scopes, collections);
        grant(service, &store, self.http.url(), new, None)
            .await
            .token
    }

    /// A request without a key.
    pub fn call(&self, method: Method, path: &str) -> Call {
        self.http.call(method, path)
    }

    /// Sends `bytes` over a connection of its own and then nothing more. The answer, if there is one.
    pub async fn raw(&self, bytes: impl Into<Vec<u8>>) -> Option<Answer> {
        let (address, bytes) = (
            self.http.url().trim_start_matches("http://").to_owned(),
            bytes.into(),
        );
        let heard = tokio::task::spawn_blocking(move || exchange(&address, &bytes))
            .await
            .unwrap();
        let method_and_path = heard.0;
        parse(&method_and_path, &heard.1).map(Answer::checked)
    }
}

/// Sends and half-closes; gives the request line and all that came back.
fn exchange(address: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut reading = stream.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let mut heard = Vec::new();
        // A connection that is reset has said all that it will say.
        let _ = reading.read_to_end(&mut heard);
        heard
    });
    // The server may have answered and closed before it heard everything.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let first_line = bytes
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    (
        String::from_utf8_lossy(first_line).into_owned(),
        reader.join().unwrap(),
    )
}

fn parse(request_line: &str, heard: &[u8]) -> Option<Answer> {
    let end = heard.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&heard[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    let (method, target) = request_line.split_once(' ').unwrap_or_default();
    let path = target.split([' ', '?']).next().unwrap_or_default();
    Some(Answer::new(
        method,
        path,
        status,
        headers,
        heard[end + 4..].to_vec(),
    ))
}
