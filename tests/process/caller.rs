//! A GPT that calls a server process.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::http;
use crate::support::process::{Program, ServerProcess};

/// A GPT with a key. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Caller {
    client: Client,
    server: String,
    gpt: String,
    key: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Caller {
    /// Makes the GPT `gpt` and a key for it with the program's commands.
    pub fn create(server: &ServerProcess, gpt: &str) -> Self {
        let key = create_key(server.program(), gpt);
        Self::with_key(server, gpt, &key)
    }

    /// A GPT that has a key.
    pub fn with_key(server: &ServerProcess, gpt: &str, key: &str) -> Self {
        Self {
            client: http::client(),
            server: server.url(""),
            gpt: gpt.to_owned(),
            key: key.to_owned(),
        }
    }

    /// The same GPT at another server.
    pub fn at(&self, server: &ServerProcess) -> Self {
        Self::with_key(server, &self.gpt, &self.key)
    }

    pub fn gpt(&self) -> &str {
        &self.gpt
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// A request with the key. A path that does not begin with a slash is below the GPT's
    /// collections.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = match path.strip_prefix('/') {
            Some(path) => format!("{}/{path}", self.server),
            None => format!("{}/v1/gpts/{}/collections/{path}", self.server, self.gpt),
        };
        self.client.request(method, url).bearer_auth(&self.key)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    pub async fn create_collection(&self, name: &str) {
        let path = format!("/v1/gpts/{}/collections", self.gpt);
        let request = self
            .request(Method::POST, &path)
            .json(&json!({ "name": name }));
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    pub async fn create_object(&self, collection: &str, body: &Value) -> Answer {
        Answer::to(self.creation(collection, body)).await
    }

    /// The request that creates an object.
    pub fn creation(&self, collection: &str, body: &Value) -> RequestBuilder {
        let path = format!("{collection}/objects");
        self.request(Method::POST, &path)
            .json(&json!({ "body": body }))
    }

    /// The request that patches an object if it has `version`.
    pub fn patch(&self, id: &str, body: &Value, version: i64) -> RequestBuilder {
        let path = format!("/v1/objects/{id}");
        let request = json!({ "body": body, "if_match": version.to_string() });
        self.request(Method::PATCH, &path).json(&request)
    }

    /// The request that reads a namespace.
    pub fn get_storage(&self, namespace: &str) -> RequestBuilder {
        self.request(Method::GET, &format!("/api/storage?ns={namespace}"))
    }

    /// The request that patches a namespace if its entity tag is `if_match`.
    pub fn patch_storage(
        &self,
        namespace: &str,
        if_match: &str,
        operations: Value,
    ) -> RequestBuilder {
        self.request(Method::PATCH, &format!("/api/storage?ns={namespace}"))
            .header("if-match", if_match)
            .header("x-thesara-app-id", "test")
            .json(&operations)
    }

    /// The status of a request that any valid key may make.
    pub async fn status(&self) -> u16 {
        self.get("/v1/limits").await.status
    }

    /// Every object of a collection, page by page, oldest first.
    pub async fn walk(&self, collection: &str) -> Vec<Value> {
        let mut objects = Vec::new();
        let path = format!("{collection}/objects?limit=200&max_bytes=10000000&order=asc");
        let mut page = self.get(&path).await;
        loop {
            assert_eq!(page.status, 200, "{page:?}");
            let Value::Array(items) = page.body["items"].take() else {
                panic!("a page without items: {page:?}");
            };
            objects.extend(items);
            let Some(cursor) = page.body["next_cursor"].as_str() else {
                return objects;
            };
            page = self.get(&format!("{path}&cursor={cursor}")).await;
        }
    }
}

impl Answer {
    /// The answer to a request that must be answered.
    pub async fn to(request: RequestBuilder) -> Self {
        Self::maybe_to(request).await.unwrap()
    }

    /// The answer to a request, or why there is none.
    pub async fn maybe_to(request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        Ok(Self {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        })
    }

    /// The value of a header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The id of the object in the body.
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }
}

/// Makes a GPT and a key for it.
pub fn create_key(program: &Program, gpt: &str) -> String {
    program.run(&["gpt", "create", gpt]).succeeded();
    let run = program.run(&["key", "create", gpt]);
    run.succeeded().stdout.trim().to_owned()
}
