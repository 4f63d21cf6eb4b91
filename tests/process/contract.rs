//! `openapi` and `health`: what the program says about the contract and about a server.

use serde_json::Value;

use crate::support::http;
use crate::support::process::{Program, free_port};

#[tokio::test]
async fn openapi_prints_what_the_server_serves() {
    let server = Program::new().serve(&[]).await;
    let client = http::client();
    let served = client.get(server.url("/openapi/gpt-object-store.json"));
    let served: Value = served.send().await.unwrap().json().await.unwrap();
    let printed = server.program().run(&["openapi", "--format", "json"]);
    let printed: Value = serde_json::from_str(&printed.succeeded().stdout).unwrap();
    assert_eq!(printed, served);

    let served = client.get(server.url("/openapi/gpt-object-store.yaml"));
    let served = served.send().await.unwrap().text().await.unwrap();
    let printed = server.program().run(&["openapi"]);
    assert_eq!(printed.succeeded().stdout.trim_end(), served.trim_end());
}

#[test]
fn openapi_names_the_public_address_and_needs_no_database() {
    let arguments = [
        "openapi",
        "--format",
        "json",
        "--public-url",
        "https://memory.example",
    ];
    let program = Program::new();
    let printed = program.run(&arguments);
    let printed: Value = serde_json::from_str(&printed.succeeded().stdout).unwrap();
    assert_eq!(printed["openapi"], "3.1.0");
    assert_eq!(printed["servers"][0]["url"], "https://memory.example");
    assert!(!program.folder().join("data").exists());
}

#[tokio::test]
async fn health_exits_with_0_when_the_server_is_well() {
    let server = Program::new().serve(&[]).await;
    let run = server.program().run(&["health"]);
    assert_eq!(run.succeeded().stdout.trim(), "ok");
    let health = server.program().json(&["health"]);
    assert_eq!(health["status"], "ok");
    assert_eq!(health["database"], "ok");
}

#[test]
fn health_exits_with_1_when_no_server_runs() {
    let address = format!("http://127.0.0.1:{}", free_port());
    let run = Program::new().run(&["health", "--url", &address]);
    run.failed_saying(&address);
}
