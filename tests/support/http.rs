//! Requests as sentences.

use std::fmt::Display;
use std::future::IntoFuture;
use std::time::Duration;

use futures::future::BoxFuture;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde_json::{Map, Value};

use super::answer::Answer;

/// Longer than any request of the suite may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An HTTP client that goes straight to the server.
pub fn client() -> Client {
    // reqwest wants to know who does TLS even where there is none. Only the first call counts.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Reading the system's certificates would take longer than most tests.
    Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(PATIENCE)
        .redirect(Policy::none())
        .build()
        .unwrap()
}

/// A server as its callers reach it.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    url: String,
}

impl Http {
    /// The server at `url`, without a slash at the end.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            client: client(),
            url: url.into(),
        }
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A request without a key, without a body. `path` may have a query; it is sent as it is.
    pub fn call(&self, method: Method, path: impl Into<String>) -> Call {
        Call {
            http: self.clone(),
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::None,
        }
    }
}

enum Body {
    None,
    Json(Map<String, Value>),
    Bytes(Vec<u8>),
    Chunks(Vec<Vec<u8>>),
}

/// A request. It is sent when it is awaited, and the answer is checked against the contract.
#[must_use = "a call is sent when it is awaited"]
pub struct Call {
    http: Http,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
}

impl Call {
    /// With the query parameter `name`.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// With one more line of the header `name`; the value may be any bytes that HTTP can carry.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.push((name.parse().unwrap(), value));
        self
    }

    /// With the API key `key`, in place of another.
    pub fn key(mut self, key: &str) -> Self {
        self.headers
            .retain(|(name, _)| name != reqwest::header::AUTHORIZATION);
        self.header("authorization", format!("Bearer {key}"))
    }

    /// With `members` as the JSON body.
    pub fn json(mut self, members: Value) -> Self {
        let Value::Object(members) = members else {
            panic!("bodies are objects: {members}")
        };
        self.body = Body::Json(members);
        self
    }

    /// With one more member in the JSON body.
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        match &mut self.body {
            Body::Json(members) => {
                members.insert(name.to_owned(), value.into());
            }
            _ => panic!("the call has no JSON body that `{name}` could join"),
        }
        self
    }

    /// Without a member of the JSON body.
    pub fn without(mut self, name: &str) -> Self {
        if let Body::Json(members) = &mut self.body {
            members.remove(name);
        }
        self
    }

    /// With these bytes as the JSON body, whatever they are.
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(bytes.into());
        self
    }

    /// With these chunks as the JSON body, and therefore without `Content-Length`.
    pub fn chunks(mut self, chunks: Vec<Vec<u8>>) -> Self {
        self.body = Body::Chunks(chunks);
        self
    }

    async fn send(mut self) -> Answer {
        let mut request = self
            .http
            .client
            .request(self.method.clone(), self.http.url.clone() + &self.path);
        if !self.query.is_empty() {
            request = request.query(&self.query);
        }
        let typed = self
            .headers
            .iter()
            .any(|(name, _)| name == reqwest::header::CONTENT_TYPE);
        if !typed && !matches!(self.body, Body::None) {
            request = request.header("content-type", "application/json");
        }
        // An empty content type stands for none at all.
        self.headers
            .retain(|(name, value)| name != reqwest::header::CONTENT_TYPE || !value.is_empty());
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = match self.body {
            Body::None => request,
            Body::Json(members) => request.body(Value::Object(members).to_string()),
            Body::Bytes(bytes) => request.body(bytes),
            Body::Chunks(chunks) => {
                let chunks = chunks.into_iter().map(Ok::<_, std::io::Error>);
                request.body(reqwest::Body::wrap_stream(futures::stream::iter(chunks)))
            }
        };
        let request = request.build().unwrap();
        let target = request.url().path().to_owned();
        let sent = self.http.client.execute(request).await;
        let response = sent.unwrap_or_else(|error| panic!("{} {target}: {error:?}", self.method));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response
            .bytes()
            .await
            .unwrap_or_else(|error| panic!("{} {target}: {error:?}", self.method));
        Answer::new(
            self.method.as_str(),
            &target,
            status,
            headers,
            bytes.to_vec(),
        )
        .checked()
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = BoxFuture<'static, Answer>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
