//! A request for every operation of the document.

use gpt_object_store_openapi::Operation;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::actor::Gpt;
use crate::support::app::App;
use crate::support::conformance;
use crate::support::http::Call;
use crate::support::operator::NO_APPLICATION;

/// Ids that nobody has.
pub const NO_FILE: &str = "file-0198c2f47b1e7c339f0a3d5e2b1c4a60";
pub const NO_UPLOAD: &str = "upload_0198c2f47b1e7c339f0a3d5e2b1c4a60";
const NO_KEY: &str = "key_0198c2f47b1e7c339f0a3d5e2b1c4a60";
const NO_SESSION: &str = "0198c2f4-7b1e-7c33-9f0a-3d5e2b1c4a60";

/// What fills a path and a body.
#[derive(Clone)]
pub struct Target {
    pub gpt_id: String,
    pub object: String,
    pub file: String,
    pub upload: String,
}

/// A request of `operation` that would succeed with the right key.
pub fn call(app: &App, operation: &Operation, target: &Target) -> Call {
    let path = operation
        .path
        .replace("{gpt_id}", &target.gpt_id)
        .replace("{name}", "notes")
        .replace("{id}", &target.object)
        .replace("{file_id}", &target.file)
        .replace("{upload_id}", &target.upload)
        .replace("{key_id}", NO_KEY)
        .replace("{client_id}", NO_APPLICATION)
        .replace("{job_id}", NO_SESSION)
        .replace("{session_id}", NO_SESSION);
    assert!(!path.contains('{'), "say here what fills {path}");
    let method: Method = operation.method.to_ascii_uppercase().parse().unwrap();
    let mut call = app.call(method, &path);
    for (name, value) in parameters(&operation.operation_id) {
        call = call.query(name, value);
    }
    match body(&operation.operation_id) {
        Some(body) => call.json(body),
        None if operation.operation_id == "add_upload_part" => call
            .header("content-type", "multipart/form-data; boundary=X")
            .bytes("--X\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\nabc\r\n--X--\r\n"),
        None => {
            assert!(
                operation.request_body.is_none(),
                "say here what the body of {} may be",
                operation.operation_id
            );
            call
        }
    }
}

/// The query parameters that an operation needs.
fn parameters(operation: &str) -> &'static [(&'static str, &'static str)] {
    match operation {
        "get_storage" | "patch_storage" => &[("ns", "notes")],
        "delete_gpt" => &[("confirm", "not-this-one")],
        _ => &[],
    }
}

fn body(operation: &str) -> Option<Value> {
    match operation {
        "upsert_collection" => Some(json!({ "name": "notes" })),
        "put_webhook" => Some(json!({ "url": "https://example.com/" })),
        "create_gpt" => Some(json!({ "id": "nobody-at-all" })),
        "update_gpt" | "update_key" | "update_application" => Some(json!({ "name": "renamed" })),
        "create_application" => Some(json!({ "gpt_id": "nobody-at-all", "name": "n" })),
        "rotate_application_secret" | "rotate_webhook_secret" => Some(json!({})),
        "create_key" => Some(json!({ "gpt_id": "nobody-at-all" })),
        "create_object" | "patch_object" | "replace_object" => Some(json!({ "body": {} })),
        "create_file" => {
            Some(json!({ "filename": "a.txt", "purpose": "user_data", "content": "" }))
        }
        "create_upload" => Some(json!({
            "filename": "a.txt", "purpose": "user_data", "bytes": 0, "mime_type": "text/plain",
        })),
        "create_import" => Some(json!({ "file_id": NO_FILE })),
        "create_export" => Some(json!({})),
        "complete_upload" => Some(json!({ "part_ids": [] })),
        "batch_objects" => Some(json!({ "operations": [{ "op": "create", "body": {} }] })),
        "patch_storage" => Some(json!({
            "operations": [{ "op": "set", "key": "k", "value": 1 }], "if_match": "0", "app_id": "a"
        })),
        _ => None,
    }
}

/// What `gpt` has, to be asked for.
pub async fn target(gpt: &Gpt) -> Target {
    let object = gpt
        .has_object("notes", json!({ "secret": "of this GPT" }))
        .await;
    Target {
        gpt_id: gpt.id().to_owned(),
        object,
        file: gpt.has_file("a secret of this GPT").await,
        upload: gpt.has_upload(3).await,
    }
}

/// The operations that need a key.
pub fn secured() -> impl Iterator<Item = &'static Operation> {
    conformance::operations()
        .iter()
        .filter(|operation| operation.is_secured())
}
