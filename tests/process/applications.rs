//! `app`, `session` and `oauth`: what they print for programs, how they fail, and what a token does.

use gpt_object_store::config::{Config, Source};
use gpt_object_store::service::Service;
use gpt_object_store::store::{DatabaseSettings, Store};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

use super::{Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::{Program, ServerProcess};
use crate::support::tokens::{Granted, application, grant};

const PUBLIC_URL: &str = "https://store.example";

on_each_database!(commands_on_applications_answer_in_json);

async fn commands_on_applications_answer_in_json(database: ScratchDatabase) {
    let program = Program::on(database.url());
    program.run(&["gpt", "create", "alice"]).succeeded();
    let made = created(&program);
    let client_id = made["client_id"].as_str().unwrap();
    let run = program.run(&["app", "list", "alice", "--json"]);
    let listed = &run.succeeded().stdout;
    assert!(!listed.contains("gcs_"));
    let oldest = listed.lines().next().unwrap();
    let listed: Value = serde_json::from_str(oldest).unwrap();
    assert_eq!(listed["client_id"], client_id);
    assert_eq!(listed["redirect_uris"], made["redirect_uris"]);

    changed(&program, client_id);
    let rotated = program.json(&["app", "rotate-secret", client_id, "--keep-old", "24h"]);
    assert_ne!(rotated["client_secret"], made["client_secret"]);
    let revoked = program.json(&["app", "revoke", client_id]);
    assert_eq!(revoked["revoked"], true);
    program
        .run(&["app", "update", client_id, "--name", "x"])
        .failed_saying("revoked");
    program
        .run(&["app", "revoke", "app_none"])
        .failed_saying("app list");
    program
        .run(&["session", "end", "01890000-0000-7000-8000-000000000000"])
        .failed_saying("no session");
    let (one, two) = (
        program.json(&["oauth", "rotate-key"]),
        program.json(&["oauth", "rotate-key"]),
    );
    assert_ne!(one["id"], two["id"]);
}

fn created(program: &Program) -> Value {
    let uri = "https://chat.openai.com/aip/g-1/oauth/callback";
    let made = program.json(&[
        "app",
        "create",
        "alice",
        "--name",
        "Notes",
        "--scopes",
        "objects:read",
        "--collections",
        "notes,tasks",
        "--redirect-uri",
        uri,
        "--rate-limits",
        "key:600/m",
    ]);
    let starts = |member: &str, prefix: &str| made[member].as_str().unwrap().starts_with(prefix);
    assert!(starts("client_id", "app_") && starts("client_secret", "gcs_"));
    assert_eq!(made["collections"], json!(["notes", "tasks"]));
    assert_eq!(made["redirect_uris"], json!([uri]));
    let public = program.json(&["app", "create", "alice", "--name", "Page", "--public"]);
    assert_eq!(
        (&public["public"], &public["client_secret"]),
        (&json!(true), &Value::Null)
    );
    let id = public["client_id"].as_str().unwrap();
    program
        .run(&["app", "rotate-secret", id])
        .failed_saying("no secret");
    program.run(&["app", "revoke", id]).succeeded();
    let refused = [
        "app",
        "create",
        "alice",
        "--name",
        "x",
        "--redirect-uri",
        "http://a.example/",
    ];
    program
        .run(&refused)
        .failed_saying("redirect_uris/0 must begin with https://");
    program
        .run(&["app", "create", "bob", "--name", "x"])
        .failed_saying("no GPT `bob`");
    made
}

fn changed(program: &Program, client_id: &str) {
    let changed = program.json(&[
        "app",
        "update",
        client_id,
        "--name",
        "Diary",
        "--all-collections",
    ]);
    assert_eq!(
        (&changed["name"], &changed["collections"]),
        (&json!("Diary"), &Value::Null)
    );
    assert_eq!(changed["scopes"], json!(["objects:read"]));
    assert_eq!(changed["rate_limits"], "key:600/m");
    let changed = program.json(&["app", "update", client_id, "--general-rate-limits"]);
    assert_eq!(changed["rate_limits"], Value::Null);
}

on_each_database!(a_token_is_limited_recorded_and_ended);

async fn a_token_is_limited_recorded_and_ended(database: ScratchDatabase) {
    let settings = [("PUBLIC_URL", PUBLIC_URL), ("RATE_LIMITS", "key:100/m")];
    let mut server = ServerProcess::start(database.url(), &settings).await;
    server
        .program()
        .run(&["gpt", "create", "alice"])
        .succeeded();
    let granted = granted(&database).await;
    let caller = Caller::with_key(&server, "alice", &granted.token);
    assert_eq!(caller.get("/v1/limits").await.status, 200);
    assert_eq!(caller.get("/v1/limits").await.status, 200);
    // The application's own limit, which all of its tokens share.
    let denied = caller.get("/v1/limits").await;
    assert_eq!(denied.status, 429, "{denied:?}");

    let sessions = server.program().json_lines(&["session", "list", "--alive"]);
    let id = granted.session_id.to_string();
    assert_eq!((sessions.len(), &sessions[0]["id"]), (1, &json!(id)));
    let ended = server.program().json(&["session", "end", &id]);
    assert_eq!(ended["end_reason"], "ended by operator");
    let alive = server.program().json_lines(&["session", "list", "--alive"]);
    assert!(alive.is_empty());
    tokio::time::sleep(Duration::from_millis(4500)).await;
    assert_eq!(caller.get("/v1/limits").await.status, 401);

    server.terminate(Duration::from_secs(10)).await;
    is_recorded(server.program(), &granted);
}

/// An application that may call twice a minute.
async fn granted(database: &ScratchDatabase) -> Granted {
    let store = Store::connect(&DatabaseSettings::new(database.url())).await;
    let store = store.unwrap();
    let limits = Config::read(Source::new(BTreeMap::new())).unwrap().limits;
    let service = Service::new(store.clone(), limits);
    let mut new = application("alice", "objects:read", None);
    new.rate_limits = Some("key:2/m".parse().unwrap());
    grant(&service, &store, PUBLIC_URL, new, None).await
}

fn is_recorded(program: &Program, granted: &Granted) {
    let of_application = ["audit", "list", "--application", &granted.client_id];
    let rows = program.json_lines(&of_application);
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!(row["application_id"], granted.client_id.as_str());
        assert_eq!(row["session_id"], granted.session_id.to_string());
        assert_eq!(row["key_id"], Value::Null);
        assert_eq!(
            (&row["gpt_id"], &row["method"]),
            (&json!("alice"), &json!(Method::GET.as_str()))
        );
    }
}
