//! Help that teaches, and a configuration that is checked whole.

use std::collections::BTreeSet;

use crate::support::process::{Program, free_port};

#[test]
fn the_examples_of_the_help_work() {
    let program = Program::new();
    let help = program.run(&["--help"]);
    let (_, examples) = help.succeeded().stdout.split_once("Examples:\n").unwrap();
    let lines = examples.lines().filter_map(command_in);
    let commands: Vec<_> = lines.filter(|words| !words.is_empty()).collect();
    assert!(commands.len() >= 3, "{examples}");
    for words in commands {
        program.run(&words).succeeded();
    }
}

#[test]
fn every_command_explains_itself() {
    let program = Program::new();
    for command in [
        &["serve"][..],
        &["worker"],
        &["migrate"],
        &["import"],
        &["export"],
        &["job", "list"],
        &["job", "show"],
        &["job", "retry"],
        &["gpt", "create"],
        &["gpt", "list"],
        &["gpt", "delete"],
        &["key", "create"],
        &["key", "list"],
        &["key", "revoke"],
        &["key", "rotate"],
        &["app", "create"],
        &["app", "list"],
        &["app", "update"],
        &["app", "rotate-secret"],
        &["app", "revoke"],
        &["session", "list"],
        &["session", "end"],
        &["oauth", "rotate-key"],
        &["audit", "list"],
        &["backup"],
        &["restore"],
        &["openapi"],
        &["health"],
    ] {
        let run = program.run(&[command, &["--help"]].concat());
        let help = &run.succeeded().stdout;
        let first = help.lines().next().unwrap_or_default();
        assert!(first.contains(' '), "{command:?} says nothing: {help}");
    }
    assert!(!program.folder().join("data").exists());
}

#[test]
fn every_fault_of_the_configuration_is_reported_at_once_and_changes_nothing() {
    let program = Program::new()
        .with("DATABASE_URL", "mysql://localhost/x")
        .with("LISTEN", "nowhere")
        .with("PUBLIC_URL", "ftp://memory.example")
        .with("MAX_DOCUMENT_DEPTH", "65")
        .with("SECRET_KEY", "too-short-a-secret");
    for command in [&["serve"][..], &["migrate"], &["gpt", "list"]] {
        let run = program.run(command);
        for name in [
            "DATABASE_URL",
            "LISTEN",
            "PUBLIC_URL",
            "MAX_DOCUMENT_DEPTH",
            "SECRET_KEY",
        ] {
            run.failed_saying(name);
        }
        assert!(!run.stderr.contains("too-short-a-secret"), "{}", run.stderr);
    }
    assert_eq!(std::fs::read_dir(program.folder()).unwrap().count(), 0);
}

#[test]
fn a_file_of_settings_is_read() {
    let program = Program::new().with("CONFIG", "settings.yaml");
    let port = free_port();
    let settings = format!("listen: 127.0.0.1:{port}\nmax:\n  document_depth: 99\n");
    std::fs::write(program.folder().join("settings.yaml"), settings).unwrap();
    program
        .run(&["migrate"])
        .failed_saying("MAX_DOCUMENT_DEPTH: must be from 1 to 64");
}

#[test]
fn the_commands_of_the_runbook_exist() {
    let runbook = concat!(env!("CARGO_MANIFEST_DIR"), "/ops/README.md");
    let runbook = std::fs::read_to_string(runbook).unwrap();
    let program = Program::new();
    let mut commands = BTreeSet::new();
    for rest in runbook.split("gpt-object-store ").skip(1) {
        let line = rest.lines().next().unwrap_or_default();
        let is_command = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let words = line.split([' ', '`', '\'']).take_while(is_command);
        let words = words.take_while(|word| !word.is_empty() && !word.starts_with('-'));
        commands.insert(words.take(2).collect::<Vec<_>>());
    }
    assert!(commands.len() > 8, "{commands:?}");
    for words in commands {
        program.run(&[&words[..], &["--help"]].concat()).succeeded();
    }
}

/// The words of a command after the program's name; what stands far to the right explains it.
fn command_in(line: &str) -> Option<Vec<&str>> {
    let command = line.trim().strip_prefix("gpt-object-store")?;
    let command = command.trim_start_matches(' ');
    if line.trim().starts_with("gpt-object-store   ") {
        return Some(Vec::new());
    }
    let (command, _) = command.split_once("  ").unwrap_or((command, ""));
    Some(command.split_whitespace().collect())
}
