//! `gpt`, `key` and `migrate`: what they print for programs, and how they fail.

use serde_json::Value;

use super::on_each_database;
use crate::support::cluster::ScratchDatabase;
use crate::support::process::Program;

on_each_database!(commands_answer_in_json);

async fn commands_answer_in_json(database: ScratchDatabase) {
    let program = Program::on(database.url());
    assert_eq!(program.json(&["migrate"])["up_to_date"], true);
    assert_eq!(program.json(&["migrate"])["up_to_date"], true);

    let gpt = program.json(&["gpt", "create", "alice", "--name", "Alice’s GPT"]);
    assert_eq!(gpt["id"], "alice");
    assert_eq!(gpt["name"], "Alice’s GPT");
    assert_eq!(program.json_lines(&["gpt", "list"]), [gpt]);

    let issued = issued_key(&program);
    listed_without_its_secret(&program, &issued);
    ended(&program, &issued);

    program
        .run(&["gpt", "delete", "alice"])
        .failed_saying("--yes");
    let deleted = program.json(&["gpt", "delete", "alice", "--yes"]);
    assert_eq!(deleted["deleted"], true);
    assert!(program.json_lines(&["gpt", "list"]).is_empty());
    assert!(program.json_lines(&["key", "list"]).is_empty());
}

fn issued_key(program: &Program) -> Value {
    let issued = program.json(&[
        "key",
        "create",
        "alice",
        "--name",
        "laptop",
        "--scopes",
        "objects:read",
        "--expires-in",
        "90d",
    ]);
    assert!(issued["key"].as_str().unwrap().starts_with("gos_"));
    assert!(issued["id"].as_str().unwrap().starts_with("key_"));
    assert_eq!(issued["gpt_id"], "alice");
    assert_eq!(issued["scopes"], serde_json::json!(["objects:read"]));
    let times = ["created_at", "expires_at"].map(|name| issued[name].as_str().unwrap().to_owned());
    assert!(times[0] < times[1], "{times:?}");
    issued
}

fn listed_without_its_secret(program: &Program, issued: &Value) {
    let run = program.run(&["key", "list", "alice", "--json"]);
    let listed = &run.succeeded().stdout;
    assert!(!listed.contains(issued["key"].as_str().unwrap()));
    let listed: Value = serde_json::from_str(listed).unwrap();
    for member in ["id", "gpt_id", "scopes", "created_at", "expires_at"] {
        assert_eq!(listed[member], issued[member], "{member}");
    }
    assert_eq!(listed["name"], "laptop");
    assert_eq!(listed["last_used"], Value::Null);
}

fn ended(program: &Program, issued: &Value) {
    let id = issued["id"].as_str().unwrap();
    let next = program.json(&["key", "rotate", id, "--grace", "24h"]);
    for member in ["gpt_id", "scopes", "expires_at"] {
        assert_eq!(next[member], issued[member], "{member}");
    }
    assert_ne!(next["key"], issued["key"]);
    let revoked = program.json(&["key", "revoke", next["id"].as_str().unwrap()]);
    assert_eq!(revoked["revoked"], true);
    let keys = program.json_lines(&["key", "list"]);
    let [sooner, later] = [&keys[0], issued].map(|key| key["expires_at"].as_str().unwrap());
    assert!(sooner < later, "{sooner} {later}");
    assert!(keys[0]["revoked_at"].is_null());
    assert!(keys[1]["revoked_at"].is_string());
}

#[test]
fn commands_fail_with_a_sentence_that_says_what_to_do() {
    let program = Program::new();
    program.run(&["gpt", "create", "alice"]).succeeded();
    program
        .run(&["gpt", "create", "alice"])
        .failed_saying("there is already a GPT `alice`");
    program
        .run(&["gpt", "delete", "bob", "--yes"])
        .failed_saying("there is no GPT `bob`");
    program
        .run(&["key", "create", "bob"])
        .failed_saying("gpt-object-store gpt create bob");
    program
        .run(&["key", "revoke", "key_none"])
        .failed_saying("gpt-object-store key list");
    program
        .run(&["key", "rotate", "key_none"])
        .failed_saying("gpt-object-store key list");
}

#[test]
fn what_the_command_line_cannot_mean_is_refused_with_the_usage() {
    let program = Program::new();
    for arguments in [
        &["gpt", "create", "no/slash"][..],
        &["key", "create"],
        &["key", "create", "alice", "--scopes", "objects:everything"],
        &["key", "create", "alice", "--expires-in", "soon"],
        &["sing"],
    ] {
        let run = program.run(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains("--help"), "{}", run.stderr);
    }
    assert!(!program.folder().join("data").exists());
}
