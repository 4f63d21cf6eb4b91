//! OpenAI's own SDKs, which know nothing of us but `base_url`.

use std::process::Command;

use super::on_each_database;
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

/// Runs a program of others against a server, with the keys of two GPTs.
async fn succeeds(database: &ScratchDatabase, mut program: Command) {
    // Thirty-two bytes; without a key, a server on PostgreSQL keeps no files.
    let master_key = format!("base64:{}=", "A".repeat(43));
    let settings = [("FILES_ENCRYPTION_KEY", master_key.as_str())];
    let server = ServerProcess::start(database.url(), &settings).await;
    for (name, gpt) in [("KEY", "alice"), ("STRANGERS_KEY", "bob")] {
        program.env(name, super::caller::create_key(server.program(), gpt));
    }
    program.env("BASE", server.url(""));
    let output = tokio::task::spawn_blocking(move || program.output()).await;
    let output = output.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", server.stderr());
    println!("{said}");
}

fn script(path: &str) -> String {
    format!("{}/tests/{path}", env!("CARGO_MANIFEST_DIR"))
}

on_each_database!(openais_python_sdk_works_unchanged);

async fn openais_python_sdk_works_unchanged(database: ScratchDatabase) {
    let python = std::env::var("TEST_PYTHON").expect("run the tests with `cargo xtask test`");
    let mut program = Command::new(python);
    program.arg(script("python/openai_sdk.py"));
    succeeds(&database, program).await;
}

on_each_database!(openais_node_sdk_works_unchanged);

async fn openais_node_sdk_works_unchanged(database: ScratchDatabase) {
    let mut program = Command::new("node");
    program.arg(script("node/openai-sdk.mjs"));
    succeeds(&database, program).await;
}
