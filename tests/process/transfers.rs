//! `import` and `export`: a GPT moves between databases by the command line.

use std::fs;

use serde_json::{Value, json};

use super::file_calls::KEY_1;
use crate::support::cluster::ScratchDatabase;
use crate::support::process::Program;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_a_gpt_moves_from_sqlite_to_postgres_and_back() {
    let postgres = ScratchDatabase::postgres().await;
    let here = Program::new();
    let there = Program::on(postgres.url()).with("FILES_ENCRYPTION_KEY", KEY_1);
    for (program, gpt) in [(&here, "first"), (&there, "second"), (&here, "third")] {
        program.run(&["gpt", "create", gpt]).succeeded();
    }
    let sent = [
        json!({ "collection": "tasks", "schema": { "required": ["n"] } }).to_string(),
        json!({ "collection": "tasks", "body": { "n": 1.50 } }).to_string(),
        json!({ "collection": "tasks", "body": {} }).to_string(),
        json!({ "body": {} }).to_string(),
    ];
    fs::write(here.folder().join("sent.ndjson"), sent.join("\n")).unwrap();
    let report = here.json(&["import", "sent.ndjson", "--gpt", "first"]);
    assert_eq!(
        (&report["objects"], &report["failed_lines"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(report["errors"][1]["line"], 4);
    let lines = exported(&here, "first");
    assert_eq!(lines.len(), 2);
    moved(&lines, &there, "second");
    moved(&lines, &here, "third");
    let missing = here.run(&["import", "never.ndjson", "--gpt", "first"]);
    missing.failed_saying("cannot read never.ndjson");
    here.run(&["export", "--gpt", "nobody"])
        .failed_saying("there is no GPT `nobody`");
}

/// Imports `lines` and finds the same where they went.
fn moved(lines: &[Value], program: &Program, gpt: &str) {
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    let path = program.folder().join("moved.ndjson");
    fs::write(&path, text.join("\n")).unwrap();
    let report = program.json(&["import", path.to_str().unwrap(), "--gpt", gpt]);
    assert_eq!(report["failed_lines"], 0, "{report}");
    assert_eq!(exported(program, gpt), lines);
}

fn exported(program: &Program, gpt: &str) -> Vec<Value> {
    let run = program.run(&["export", "--gpt", gpt]);
    run.succeeded();
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
