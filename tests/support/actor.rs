//! A GPT as an actor: its methods are the operations of the contract, under their own names.

use gpt_object_store_client::Client;
use reqwest::Method;
use serde_json::{Value, json};

use super::answer::Answer;
use super::http::{Call, Http};

/// A GPT with an API key.
#[derive(Clone, Debug)]
pub struct Gpt {
    http: Http,
    id: String,
    key: String,
}

impl Gpt {
    pub fn new(http: Http, id: &str, key: &str) -> Self {
        Self {
            http,
            id: id.to_owned(),
            key: key.to_owned(),
        }
    }

    /// The GPT's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The API key in clear.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The same GPT with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self::new(self.http.clone(), &self.id, key)
    }

    /// The same key for another GPT's paths.
    pub fn with_id(&self, id: &str) -> Self {
        Self::new(self.http.clone(), id, &self.key)
    }

    /// The generated client, as a program would make it.
    pub fn client(&self) -> Client {
        Client::connect(self.http.url(), &self.key).unwrap()
    }

    /// Any request, with the key.
    pub fn call(&self, method: Method, path: impl Into<String>) -> Call {
        self.http.call(method, path).key(&self.key)
    }

    pub fn upsert_collection(&self, name: &str) -> Call {
        self.call(Method::POST, self.collections())
            .json(json!({ "name": name }))
    }

    pub fn list_collections(&self) -> Call {
        self.call(Method::GET, self.collections())
    }

    pub fn get_collection(&self, name: &str) -> Call {
        self.call(Method::GET, self.collection(name))
    }

    pub fn delete_collection(&self, name: &str) -> Call {
        self.call(Method::DELETE, self.collection(name))
    }

    pub fn create_object(&self, collection: &str, body: Value) -> Call {
        self.call(Method::POST, self.objects(collection))
            .json(json!({ "body": body }))
    }

    pub fn list_objects(&self, collection: &str) -> Call {
        self.call(Method::GET, self.objects(collection))
    }

    pub fn batch_objects(&self, collection: &str, operations: Value) -> Call {
        let path = format!("{}/batch", self.objects(collection));
        self.call(Method::POST, path)
            .json(json!({ "operations": operations }))
    }

    pub fn get_object(&self, id: &str) -> Call {
        self.call(Method::GET, format!("/v1/objects/{id}"))
    }

    pub fn patch_object(&self, id: &str, patch: Value) -> Call {
        self.call(Method::PATCH, format!("/v1/objects/{id}"))
            .json(json!({ "body": patch }))
    }

    pub fn replace_object(&self, id: &str, body: Value) -> Call {
        self.call(Method::PUT, format!("/v1/objects/{id}"))
            .json(json!({ "body": body }))
    }

    pub fn delete_object(&self, id: &str) -> Call {
        self.call(Method::DELETE, format!("/v1/objects/{id}"))
    }

    pub fn get_limits(&self) -> Call {
        self.call(Method::GET, "/v1/limits")
    }

    /// A read of a namespace.
    pub fn get_storage(&self, namespace: &str) -> Call {
        self.call(Method::GET, "/api/storage")
            .query("ns", namespace)
    }

    /// A patch of the namespace at `version`, as a program sends it.
    pub fn patch_storage(&self, namespace: &str, version: i64, operations: &Value) -> Call {
        self.patch_storage_unconditionally(namespace, operations)
            .header("if-match", format!("\"{version}\""))
    }

    /// A patch that does not say which version it changes.
    pub fn patch_storage_unconditionally(&self, namespace: &str, operations: &Value) -> Call {
        self.call(Method::PATCH, "/api/storage")
            .query("ns", namespace)
            .header("x-thesara-app-id", "test")
            .bytes(operations.to_string())
    }

    /// A patch as a GPT sends it: without headers.
    pub fn patch_storage_by_body(&self, namespace: &str, body: Value) -> Call {
        self.call(Method::PATCH, "/api/storage")
            .query("ns", namespace)
            .json(body)
    }

    /// Creates an object and gives its id.
    pub async fn has_object(&self, collection: &str, body: Value) -> String {
        self.create_object(collection, body)
            .await
            .expect(201)
            .string("id")
    }

    /// Creates `count` objects `{"n": 0}`, `{"n": 1}`, …, the first one being the oldest, and gives
    /// their ids.
    pub async fn has_objects(&self, collection: &str, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        for n in 0..count {
            ids.push(self.has_object(collection, json!({ "n": n })).await);
        }
        ids
    }

    /// Creates `count` objects `{"n": 0}`, … in batches, so that many have the same time.
    pub async fn has_many_objects(&self, collection: &str, count: usize) -> Vec<String> {
        let bodies: Vec<_> = (0..count)
            .map(|n| json!({ "op": "create", "body": { "n": n } }))
            .collect();
        let mut ids = Vec::with_capacity(count);
        for bodies in bodies.chunks(100) {
            let answer = self
                .batch_objects(collection, bodies.into())
                .await
                .expect(200);
            ids.extend(
                answer
                    .items()
                    .iter()
                    .map(|item| item["id"].as_str().unwrap().to_owned()),
            );
        }
        ids
    }

    /// The object's document as it is now.
    pub async fn document(&self, id: &str) -> Value {
        self.get_object(id).await.expect(200)["body"].clone()
    }

    /// Every page of a list, from the one that `first` asks for, by `next_cursor`.
    pub async fn pages(&self, first: impl Fn() -> Call) -> Vec<Answer> {
        let mut pages = vec![first().await.expect(200)];
        while let Some(cursor) = pages.last().and_then(|page| page["next_cursor"].as_str()) {
            let page = first().query("cursor", cursor).await.expect(200);
            pages.push(page);
        }
        pages
    }

    /// The ids on every page of a list.
    pub async fn walk(&self, first: impl Fn() -> Call) -> Vec<String> {
        ids(self.pages(first).await.iter().flat_map(Answer::items))
    }

    fn collections(&self) -> String {
        format!("/v1/gpts/{}/collections", self.id)
    }

    fn collection(&self, name: &str) -> String {
        format!("{}/{name}", self.collections())
    }

    fn objects(&self, collection: &str) -> String {
        format!("{}/objects", self.collection(collection))
    }
}

/// The ids of `items`.
pub fn ids<'a>(items: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    items
        .into_iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}
