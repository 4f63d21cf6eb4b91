//! Every operation of the document has contract tests, on both databases.

use std::process::Command;

use crate::support::conformance;

#[test]
fn every_operation_has_contract_tests() {
    let tests = tests_of_this_program();
    let has = |operation: &str, variant: &str| {
        let file = format!("contract::{}::", operation.replace('/', "::"));
        tests
            .iter()
            .any(|test| test.starts_with(&file) && test.ends_with(variant))
    };
    let has_both = |operation: &str| {
        has(operation, "::on_both") || (has(operation, "::sqlite") && has(operation, "::postgres"))
    };
    let missing: Vec<_> = conformance::operations()
        .iter()
        .map(|operation| match conformance::is_operators(operation) {
            true => format!("admin/{}", operation.operation_id),
            false => operation.operation_id.clone(),
        })
        .filter(|operation| !has_both(operation))
        .map(|operation| format!("`{operation}` has no contract test: write tests/contract/{operation}.rs, with `on_both!`"))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The names of all tests, as the test runner sees them.
fn tests_of_this_program() -> Vec<String> {
    let listed = Command::new(std::env::current_exe().unwrap())
        .arg("--list")
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let tests: Vec<_> = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect();
    assert!(
        tests.len() > 10,
        "the list of tests cannot be read: {listed}"
    );
    tests
}
