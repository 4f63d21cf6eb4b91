//! What a whole run has written down: the log, the record of calls and the database have none of the
//! secrets that were issued or shown, wherever callers put them.

use std::fs;
use std::time::Duration;

use gpt_object_store::auth::ApiKey;
use reqwest::Method;
use serde_json::{Value, json};

use super::on_each_database;
use crate::support::actor::Gpt;
use crate::support::answer::Answer;
use crate::support::cluster::ScratchDatabase;
use crate::support::files::part_path;
use crate::support::http::Http;
use crate::support::oauth::{Application, Form, REDIRECT_URI};
use crate::support::process::{Program, ServerProcess};

const STOP_LIMIT: Duration = Duration::from_secs(10);
const MASTER_KEY: &str = "base64:WFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFg=";
const VERIFIER: &str = "a-verifier-that-nobody-else-may-ever-come-to-know";

on_each_database!(no_secret_is_written_down);

async fn no_secret_is_written_down(database: ScratchDatabase) {
    let settings = [("LOG", "trace"), ("FILES_ENCRYPTION_KEY", MASTER_KEY)];
    let mut server = ServerProcess::start(database.url(), &settings).await;
    let mut secrets = a_day(&server).await;
    secrets.push(("the master key", MASTER_KEY.replace("base64:", "")));
    assert!(secrets.len() > 12, "{}", secrets.len());
    server.terminate(STOP_LIMIT).await;

    let recorded = server
        .program()
        .run(&["audit", "list", "--limit", "1000", "--json"]);
    let recorded = &recorded.succeeded().stdout;
    for operation in ["authorize", "issue_token", "get_limits", "create_upload"] {
        assert!(recorded.contains(operation), "{operation} is not on record");
    }
    let mut written = vec![
        ("the record of calls", recorded.clone()),
        ("standard error", server.stderr()),
        ("standard output", server.stdout()),
    ];
    if let Some(path) = database.url().strip_prefix("sqlite://") {
        // The log beside it was moved into the file when the server stopped.
        let bytes = fs::read(path).unwrap();
        written.push(("the database", String::from_utf8_lossy(&bytes).into_owned()));
    }
    for (place, text) in written {
        for (what, secret) in &secrets {
            let found = text.find(secret.as_str());
            let line = found.map(|at| text[..at].rsplit('\n').next().unwrap_or_default());
            assert!(found.is_none(), "{place} has {what}, after {line:?}");
        }
    }
}

/// Everything that is done with secrets in a day, well and badly, and the secrets.
async fn a_day(server: &ServerProcess) -> Vec<(&'static str, String)> {
    let program = server.program();
    program.run(&["gpt", "create", "alice"]).succeeded();
    let key = |arguments: &[&str]| text(&program.json(arguments), "key");
    let own = key(&["key", "create", "alice"]);
    let operator = key(&["key", "create", "--operator"]);
    let revoked = program.json(&["key", "create", "alice"]);
    program.run(&["key", "revoke", &text(&revoked, "id")]);
    let unknown = ApiKey::generate().unwrap().reveal().to_owned();
    let http = Http::new(server.url(""));
    let gpt = Gpt::new(http.clone(), "alice", &own);
    let mut secrets = vec![
        ("a key", own.clone()),
        ("an operator's key", operator),
        ("a revoked key", text(&revoked, "key")),
        ("an unknown key", unknown),
    ];
    secrets.extend(oauth(program, &http, &gpt).await);
    let upload = gpt.call(Method::POST, "/v1/uploads").json(json!({
        "filename": "a", "purpose": "user_data", "bytes": 3, "mime_type": "text/plain",
    }));
    let upload = upload.await.expect(200);
    let path = part_path(upload.json(), 1);
    http.call(Method::PUT, &path).bytes("abc").await.expect(200);
    let signature = path.split('=').next_back().unwrap();

    for (_, secret) in &secrets {
        misplace(&http, &gpt, secret).await;
    }
    // These have no form by which they could be told where they do not belong.
    secrets.push(("a signature", signature.to_owned()));
    secrets.push(("a verifier", VERIFIER.to_owned()));
    secrets
}

/// An application's way through every grant, and the secrets that it was given.
async fn oauth(program: &Program, http: &Http, gpt: &Gpt) -> Vec<(&'static str, String)> {
    let created = program.json(&[
        "app",
        "create",
        "alice",
        "--name",
        "Notes",
        "--redirect-uri",
        REDIRECT_URI,
    ]);
    let client_id = text(&created, "client_id");
    let first_secret = text(&created, "client_secret");
    let rotated = program.json(&["app", "rotate-secret", &client_id]);
    let secret = text(&rotated, "client_secret");
    let app = Application::with_secret(http.clone(), gpt.clone(), &client_id, Some(&secret));

    let code = app.code(&app.request_with(VERIFIER)).await;
    let exchange = app.exchange(&code).with("code_verifier", VERIFIER);
    let tokens = app.token(&exchange).await.expect(200);
    let (access, refresh) = (
        tokens.string("access_token"),
        tokens.string("refresh_token"),
    );
    assert_eq!(app.status(&access).await, 200);
    let renewed = app.token(&app.refresh(&refresh)).await.expect(200);
    let own = Form::new([("grant_type", "client_credentials")]);
    let own = app.token(&own).await.expect(200).string("access_token");
    app.post(
        "/oauth/introspect",
        &app.shown(&Form::new([("token", &*own)])),
    )
    .await
    .expect(200);
    app.post("/oauth/revoke", &app.shown(&Form::new([("token", &*own)])))
        .await
        .expect(200);
    // Both a second time, which ends the session.
    app.token(&app.refresh(&refresh)).await.expect(400);
    app.token(&exchange).await.expect(400);
    vec![
        ("the first client secret", first_secret),
        ("the client secret", secret),
        ("a code", code),
        ("an access token", access),
        ("a refresh token", refresh),
        ("the next access token", renewed.string("access_token")),
        ("the next refresh token", renewed.string("refresh_token")),
        ("an application's own token", own),
    ]
}

/// Shows `secret` where it belongs, and where it does not.
async fn misplace(http: &Http, gpt: &Gpt, secret: &str) {
    let calls = [
        gpt.with_key(secret).get_limits(),
        gpt.call(Method::GET, format!("/v1/objects/{secret}")),
        gpt.call(Method::GET, format!("/v1/gpts/{secret}/collections")),
        gpt.call(
            Method::GET,
            format!("/v1/limits?{secret}=1&access_token={secret}"),
        ),
        gpt.call(Method::POST, "/v1/gpts/alice/collections")
            .json(json!({ "name": secret, secret: secret })),
        http.call(Method::GET, format!("/{secret}")),
        http.call(Method::GET, "/v1/limits")
            .header("x-request-id", secret)
            .header("cookie", secret)
            .header("user-agent", secret)
            .header("x-thesara-app-id", secret)
            .header("authorization", format!("Basic {secret}")),
        http.call(
            Method::GET,
            format!("/oauth/authorize?client_id={secret}&code={secret}"),
        ),
        http.call(Method::POST, "/oauth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .bytes(format!(
                "grant_type={secret}&client_id={secret}&client_secret={secret}"
            )),
    ];
    for call in calls {
        let answer: Answer = call.await;
        assert!(answer.status() < 500, "{answer}");
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}
