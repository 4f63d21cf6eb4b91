//! The Compose file under the schema of the Compose Specification, which the checker brings along.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const COMPOSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ops/compose.yml");

fn check(file: &Path) -> Output {
    let python = std::env::var("TEST_PYTHON").expect("run the tests with `cargo xtask test`");
    let mut check = Command::new(python);
    check.args(["-m", "check_jsonschema", "--builtin-schema"]);
    check.arg("vendor.compose-spec").arg(file).output().unwrap()
}

#[test]
fn the_compose_file_is_as_the_specification_says() {
    let checked = check(Path::new(COMPOSE));
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_mistake_in_it_would_be_found() {
    let folder = TempDir::new().unwrap();
    let compose = fs::read_to_string(COMPOSE).unwrap();
    for (right, wrong) in [
        ("healthcheck:", "healthchek:"),
        ("service_healthy", "service_well"),
    ] {
        let file = folder.path().join("compose.yml");
        fs::write(&file, compose.replace(right, wrong)).unwrap();
        let checked = check(&file);
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(!checked.status.success(), "{wrong} was not found");
        assert!(said.contains("services."), "{said}");
    }
}
