//! The authorization server as others meet it: an independent client library, a browser, and the
//! operator who reads the record.

use std::path::Path;
use std::process::Command;

use gpt_object_store::auth::ApiKey;
use serde_json::{Value, json};

use super::on_each_database;
use crate::support::cluster::ScratchDatabase;
use crate::support::http;
use crate::support::process::{Program, ServerProcess, free_port};

const REDIRECT_URI: &str = "https://client.example/callback";

/// What the server calls itself when nobody tells it.
fn public_url(server: &ServerProcess) -> String {
    format!("http://localhost:{}", server.port())
}

/// Makes an application of the GPT `alice` with the program's command.
fn create_application(program: &Program, arguments: &[&str], redirect_uris: &[&str]) -> Value {
    let mut all = vec!["app", "create", "alice", "--name", "Notes"];
    all.extend(arguments);
    for uri in redirect_uris {
        all.extend(["--redirect-uri", uri]);
    }
    program.json(&all)
}

/// Runs a program of `tests/node` to its end.
async fn succeeds(server: &ServerProcess, script: &str, environment: &[(&str, &str)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    let mut program = Command::new("node");
    program
        .arg(folder.join(script))
        .env("BASE", public_url(server))
        .envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || program.output()).await;
    let output = output.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", server.stderr());
}

on_each_database!(an_independent_client_completes_every_grant);

async fn an_independent_client_completes_every_grant(database: ScratchDatabase) {
    let server = ServerProcess::start(database.url(), &[]).await;
    let program = server.program();
    let key = super::caller::create_key(program, "alice");
    let scopes = ["--scopes", "objects:read,objects:write"];
    let confidential = create_application(program, &scopes, &[REDIRECT_URI]);
    let public = [&scopes[..], &["--public"]].concat();
    let public = create_application(program, &public, &["http://127.0.0.1/callback"]);
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let environment = [
        ("KEY", key.as_str()),
        ("GPT", "alice"),
        ("CLIENT_ID", &text(&confidential, "client_id")),
        ("CLIENT_SECRET", &text(&confidential, "client_secret")),
        ("PUBLIC_CLIENT_ID", &text(&public, "client_id")),
    ];
    succeeds(&server, "oauth-client.mjs", &environment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_consents_in_a_browser() {
    let server = Program::new().serve(&[]).await;
    let program = server.program();
    let key = super::caller::create_key(program, "alice");
    let wrong_key = ApiKey::generate().unwrap();
    let (port, elsewhere) = (free_port().to_string(), free_port().to_string());
    let callback = format!("http://127.0.0.1:{port}/callback");
    let done = format!("http://127.0.0.1:{elsewhere}/done");
    let application = create_application(program, &[], &[&callback, &done]);
    let profile = tempfile::tempdir().unwrap();
    let environment = [
        ("KEY", key.as_str()),
        ("WRONG_KEY", wrong_key.reveal()),
        ("CLIENT_ID", application["client_id"].as_str().unwrap()),
        ("PORT", &port),
        ("ELSEWHERE_PORT", &elsewhere),
        ("PROFILE", profile.path().to_str().unwrap()),
    ];
    succeeds(&server, "consent-page.mjs", &environment).await;
}

on_each_database!(grants_are_on_record_without_their_secrets);

async fn grants_are_on_record_without_their_secrets(database: ScratchDatabase) {
    let mut server = ServerProcess::start(database.url(), &[]).await;
    let program = server.program();
    let key = super::caller::create_key(program, "alice");
    let application = create_application(program, &[], &[REDIRECT_URI]);
    let text = |name: &str| application[name].as_str().unwrap().to_owned();
    let (client_id, secret) = (text("client_id"), text("client_secret"));
    let shown = [
        ("client_id", client_id.as_str()),
        ("client_secret", &secret),
    ];
    let send = async |path: &str, form: &[(&str, &str)]| {
        let form = [form, &shown].concat();
        let encoded = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = http::client()
            .post(server.url(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded);
        super::Answer::to(request).await
    };
    let asked = [("grant_type", "client_credentials")];
    let tokens = send("/oauth/token", &asked).await;
    let token = tokens.body["access_token"].as_str().unwrap().to_owned();
    let refused = [("grant_type", "refresh_token"), ("refresh_token", "gor_x")];
    assert_eq!(send("/oauth/token", &refused).await.status, 400);
    let of_token = [("token", token.as_str())];
    assert_eq!(send("/oauth/introspect", &of_token).await.status, 200);
    assert_eq!(send("/oauth/revoke", &of_token).await.status, 200);
    server.terminate(std::time::Duration::from_secs(10)).await;

    let listed = server.program().run(&["audit", "list", "--json"]);
    let record = &listed.succeeded().stdout;
    for secret in [&key, &secret, &token, "gor_x", "gcs_"] {
        assert!(
            !record.contains(secret),
            "{secret} is in the record: {record}"
        );
    }
    let mut rows = server.program().json_lines(&["audit", "list"]);
    rows.reverse();
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            json!([
                row["operation"],
                row["status"],
                row["gpt_id"],
                row["application_id"]
            ])
        })
        .collect();
    let expected = ["issue_token", "introspect_token", "revoke_token"];
    assert_eq!(
        told,
        expected.map(|name| json!([name, 200, "alice", client_id]))
    );
    assert_eq!(rows[0]["session_id"], rows[2]["session_id"]);
    assert!(rows[0]["session_id"].is_string(), "{record}");
    let log = server.stderr();
    for secret in [secret.as_str(), &token] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

on_each_database!(who_tries_keys_on_the_page_is_slowed);

async fn who_tries_keys_on_the_page_is_slowed(database: ScratchDatabase) {
    let settings = [("RATE_LIMITS", "ip:600/5m")];
    let server = ServerProcess::start(database.url(), &settings).await;
    super::caller::create_key(server.program(), "alice");
    let application = create_application(server.program(), &[], &[REDIRECT_URI]);
    let client_id = application["client_id"].as_str().unwrap();
    let client = http::client();
    let page = server.url(&format!(
        "/oauth/authorize?response_type=code&client_id={client_id}&redirect_uri={REDIRECT_URI}"
    ));
    let page = client.get(page).send().await.unwrap();
    let cookie = page.headers()["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap();
    let html = page.text().await.unwrap();
    let (_, ticket) = html.split_once("name=\"ticket\" value=\"").unwrap();
    let ticket = ticket.split('"').next().unwrap();
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let answer = client
            .post(server.url("/oauth/authorize"))
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("ticket={ticket}&decision=allow&key=wrong"))
            .send()
            .await
            .unwrap();
        statuses.push(answer.status().as_u16());
        if answer.status() == 429 {
            assert!(answer.text().await.unwrap().contains("Too many wrong keys"));
        }
    }
    assert_eq!(statuses[..10], [403; 10]);
    assert_eq!(statuses[10..], [429; 2]);
    // And so is who tries secrets.
    let secrets = client
        .post(server.url("/oauth/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!(
            "grant_type=client_credentials&client_id={client_id}&client_secret=gcs_x"
        ));
    assert_eq!(secrets.send().await.unwrap().status(), 429);
}
