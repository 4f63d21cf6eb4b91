//! An operator as an actor: its methods are the operations of the operator's contract, under their
//! own names.

use gpt_object_store_client::admin;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::http::{Call, Http};

/// A client id that no application has.
pub const NO_APPLICATION: &str = "app_0000000000000000000000";

/// An operator with a key.
#[derive(Clone, Debug)]
pub struct Operator {
    http: Http,
    key: String,
}

impl Operator {
    pub fn new(http: Http, key: &str) -> Self {
        Self {
            http,
            key: key.to_owned(),
        }
    }

    /// The generated client, as a program would make it.
    pub fn client(&self) -> admin::Client {
        admin::Client::connect(self.http.url(), &self.key).unwrap()
    }

    /// Any request with the key, below the operator's paths.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let path = format!("/admin/v1/{path}");
        self.http.call(method, path).key(&self.key)
    }

    pub fn create_gpt(&self, id: &str) -> Call {
        self.call(Method::POST, "gpts").json(json!({ "id": id }))
    }

    pub fn list_gpts(&self) -> Call {
        self.call(Method::GET, "gpts")
    }

    pub fn get_gpt(&self, id: &str) -> Call {
        self.call(Method::GET, &format!("gpts/{id}"))
    }

    pub fn update_gpt(&self, id: &str, name: &str) -> Call {
        self.call(Method::PATCH, &format!("gpts/{id}"))
            .json(json!({ "name": name }))
    }

    /// A deletion that is confirmed.
    pub fn delete_gpt(&self, id: &str) -> Call {
        self.delete_gpt_unconfirmed(id).query("confirm", id)
    }

    pub fn delete_gpt_unconfirmed(&self, id: &str) -> Call {
        self.call(Method::DELETE, &format!("gpts/{id}"))
    }

    pub fn get_gpt_usage(&self, id: &str) -> Call {
        self.call(Method::GET, &format!("gpts/{id}/usage"))
    }

    pub fn create_key(&self, body: Value) -> Call {
        self.call(Method::POST, "keys").json(body)
    }

    pub fn list_keys(&self) -> Call {
        self.call(Method::GET, "keys")
    }

    pub fn get_key(&self, id: &str) -> Call {
        self.call(Method::GET, &format!("keys/{id}"))
    }

    pub fn update_key(&self, id: &str, body: Value) -> Call {
        self.call(Method::PATCH, &format!("keys/{id}")).json(body)
    }

    pub fn revoke_key(&self, id: &str) -> Call {
        self.call(Method::POST, &format!("keys/{id}/revoke"))
    }

    pub fn list_audit_entries(&self) -> Call {
        self.call(Method::GET, "audit")
    }

    pub fn create_application(&self, body: Value) -> Call {
        self.call(Method::POST, "applications").json(body)
    }

    pub fn list_applications(&self) -> Call {
        self.call(Method::GET, "applications")
    }

    pub fn get_application(&self, client_id: &str) -> Call {
        self.call(Method::GET, &format!("applications/{client_id}"))
    }

    pub fn update_application(&self, client_id: &str, body: Value) -> Call {
        let path = format!("applications/{client_id}");
        self.call(Method::PATCH, &path).json(body)
    }

    pub fn rotate_application_secret(&self, client_id: &str, body: Value) -> Call {
        let path = format!("applications/{client_id}/rotate-secret");
        self.call(Method::POST, &path).json(body)
    }

    pub fn revoke_application(&self, client_id: &str) -> Call {
        self.call(Method::POST, &format!("applications/{client_id}/revoke"))
    }

    pub fn list_sessions(&self) -> Call {
        self.call(Method::GET, "sessions")
    }

    pub fn end_session(&self, id: &str) -> Call {
        self.call(Method::POST, &format!("sessions/{id}/end"))
    }

    pub fn rotate_signing_key(&self) -> Call {
        self.call(Method::POST, "signing-keys")
    }

    pub fn list_signing_keys(&self) -> Call {
        self.call(Method::GET, "signing-keys")
    }

    pub fn put_webhook(&self, gpt: &str, body: Value) -> Call {
        let path = format!("gpts/{gpt}/webhook");
        self.call(Method::PUT, &path).json(body)
    }

    pub fn get_webhook(&self, gpt: &str) -> Call {
        self.call(Method::GET, &format!("gpts/{gpt}/webhook"))
    }

    pub fn delete_webhook(&self, gpt: &str) -> Call {
        self.call(Method::DELETE, &format!("gpts/{gpt}/webhook"))
    }

    pub fn rotate_webhook_secret(&self, gpt: &str, body: Value) -> Call {
        let path = format!("gpts/{gpt}/webhook/rotate-secret");
        self.call(Method::POST, &path).json(body)
    }

    pub fn list_webhook_events(&self, gpt: &str) -> Call {
        self.call(Method::GET, &format!("gpts/{gpt}/webhook/events"))
    }

    pub fn retry_webhook_events(&self, gpt: &str) -> Call {
        self.call(Method::POST, &format!("gpts/{gpt}/webhook/retry"))
    }

    pub fn list_jobs(&self) -> Call {
        self.call(Method::GET, "jobs")
    }

    pub fn retry_job(&self, id: &str) -> Call {
        self.call(Method::POST, &format!("jobs/{id}/retry"))
    }

    /// Forwards the changes of `gpt` to `url`, where nothing was before, and gives the secret.
    pub async fn has_webhook(&self, gpt: &str, url: &str) -> String {
        let put = self.put_webhook(gpt, json!({ "url": url })).await;
        put.expect(201).string("secret")
    }

    /// Makes a confidential application of `gpt` and gives the whole answer.
    pub async fn has_application(&self, gpt: &str) -> Answer {
        let asked = json!({ "gpt_id": gpt, "name": "An app" });
        self.create_application(asked).await.expect(201)
    }

    /// Makes a GPT and gives its id.
    pub async fn has_gpt(&self) -> String {
        let id = format!("made-{}", Uuid::new_v4().simple());
        self.create_gpt(&id).await.expect(201).string("id")
    }

    /// Makes a key of `gpt` and gives the whole answer.
    pub async fn has_key(&self, gpt: &str) -> Answer {
        let made = self.create_key(json!({ "gpt_id": gpt })).await;
        made.expect(201)
    }

    /// The members `name` of all items of a list, page by page.
    pub async fn walk(&self, name: &str, first: impl Fn() -> Call) -> Vec<String> {
        let mut page = first().await.expect(200);
        let mut all = Vec::new();
        loop {
            let items = page.items().iter();
            all.extend(items.map(|item| item[name].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else {
                assert_eq!(page["has_more"], false);
                return all;
            };
            assert_eq!(page["has_more"], true);
            page = first().query("cursor", cursor).await.expect(200);
        }
    }
}
