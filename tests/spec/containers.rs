//! What stands in `ops`: the Compose file is one, names nothing that does not exist, and its secrets
//! are such as the server takes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gpt_object_store::config::{Config, Source};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where Compose puts secrets.
const SECRETS: &str = "/run/secrets/";

fn ops(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ops").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(ops(path)).unwrap()
}

/// The Compose file with its anchors put in.
fn compose() -> Value {
    let mut document: yaml_serde::Value = yaml_serde::from_str(&text("compose.yml")).unwrap();
    document.apply_merge().unwrap();
    serde_json::to_value(document).unwrap()
}

fn environment<'a>(compose: &'a Value, service: &str) -> BTreeMap<&'a str, &'a str> {
    let environment = compose["services"][service]["environment"].as_object();
    let pairs = environment.unwrap().iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect()
}

#[test]
fn services_ports_and_volumes_have_the_names_that_others_rely_on() {
    let compose = compose();
    let names = |member: &str| {
        let names = compose[member].as_object().unwrap().keys();
        names.map(String::as_str).collect::<Vec<_>>()
    };
    for service in ["db", "redis", "api", "worker", "backup"] {
        assert!(names("services").contains(&service), "{service}");
        assert!(compose["services"][service]["profiles"].is_null());
    }
    for service in ["prometheus", "grafana"] {
        assert_eq!(
            compose["services"][service]["profiles"],
            json!(["monitoring"])
        );
    }
    for volume in ["db-data", "db-backups"] {
        assert!(names("volumes").contains(&volume), "{volume}");
    }
    assert_eq!(compose["services"]["db"]["image"], "postgres:17");
    assert_eq!(compose["services"]["worker"]["command"], json!(["worker"]));
    assert_eq!(
        compose["services"]["api"]["ports"],
        json!(["${PORT:-8000}:8000"])
    );
    for (service, used) in compose["services"].as_object().unwrap() {
        for volume in used["volumes"].as_array().into_iter().flatten() {
            let (volume, _) = volume.as_str().unwrap().split_once(':').unwrap();
            let known = volume.starts_with("./") || names("volumes").contains(&volume);
            assert!(known, "{service} has {volume}");
        }
    }
}

#[test]
fn every_variable_is_one_that_somebody_reads() {
    let compose = compose();
    let known = Config::names();
    for service in ["api", "worker"] {
        for name in environment(&compose, service).into_keys() {
            let setting = name.strip_suffix("_FILE").unwrap_or(name);
            assert!(known.contains(setting), "{service} has {name}");
        }
    }
    let scripts = ["backup", "entrypoint", "healthcheck", "restore", "settings"];
    let scripts = scripts.map(|name| text(&format!("backup/{name}"))).concat();
    for name in environment(&compose, "backup").into_keys() {
        let setting = name.strip_suffix("_FILE").unwrap_or(name);
        assert!(setting == "TZ" || scripts.contains(setting), "{name}");
    }
}

#[test]
fn every_secret_is_declared_and_given_to_who_reads_it() {
    let compose = compose();
    for (service, described) in compose["services"].as_object().unwrap() {
        let given = described["secrets"].as_array().into_iter().flatten();
        let given: Vec<_> = given.map(|name| name.as_str().unwrap()).collect();
        for name in &given {
            assert!(compose["secrets"][*name]["file"].is_string(), "{name}");
        }
        let words = described.to_string();
        let read = words.split(SECRETS).skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        });
        for name in read {
            assert!(given.contains(&name), "{service} is not given {name}");
        }
    }
}

#[test]
fn the_secrets_that_are_made_are_such_as_the_server_takes() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("secrets");
    let make = || {
        let made = Command::new(ops("make-secrets")).arg(&place).output();
        assert!(made.as_ref().unwrap().status.success(), "{made:?}");
        let secrets = fs::read_dir(&place).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            (path.clone(), fs::read_to_string(path).unwrap())
        });
        secrets.collect::<BTreeMap<_, _>>()
    };
    let secrets = make();
    assert_eq!(make(), secrets, "those that are there were changed");
    let compose = compose();
    for file in compose["secrets"].as_object().unwrap().values() {
        let name = file["file"].as_str().unwrap().replace("./secrets/", "");
        assert!(secrets.contains_key(&place.join(&name)), "{name}");
    }
    let settings = environment(&compose, "api").into_iter();
    let settings = settings.map(|(name, value)| {
        let place = format!("{}/", place.display());
        let default = value
            .split_once(":-")
            .map(|(_, rest)| rest.trim_end_matches('}'));
        let value = default.unwrap_or(value).replace(SECRETS, &place);
        (name.to_owned(), value)
    });
    let config = Config::read(Source::new(settings.collect())).unwrap();
    assert!(config.database.url.starts_with("postgres://gptstore:"));
    assert!(config.redis_url.unwrap().starts_with("redis://:"));
    assert!(config.files.master_keys.is_some());
    assert!(config.secret_key.unwrap().len() >= 32);
}

#[test]
fn the_sidecar_dumps_every_night_and_keeps_fourteen_days() {
    let crontab = text("backup/crontab");
    let mut jobs = crontab.lines().filter(|line| !line.starts_with('#'));
    let job = jobs.next().unwrap();
    assert!(job.starts_with("30 02 * * * /opt/backup/backup "), "{job}");
    assert_eq!(jobs.next(), None);
    let script = text("backup/backup");
    assert!(script.contains("pg_dump --format=custom"), "{script}");
    assert!(script.contains("number BACKUP_DAYS 14"), "{script}");
    let dockerfile = text("backup/Dockerfile");
    let copied = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("COPY "));
    let copied: Vec<_> = copied.unwrap().split(' ').collect();
    for name in &copied[..copied.len() - 1] {
        assert!(ops("backup").join(name).is_file(), "{name}");
    }
}

#[test]
fn the_image_runs_as_nobody_and_asks_for_its_own_health() {
    let dockerfile = text("Dockerfile");
    let last = dockerfile.lines().rfind(|line| line.starts_with("FROM "));
    assert!(last.unwrap().ends_with(":nonroot"), "{last:?}");
    assert!(dockerfile.contains(r#"CMD ["gpt-object-store", "health"]"#));
    let settings = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("ENV "));
    for setting in settings.unwrap().split(' ') {
        let (name, _) = setting.split_once('=').unwrap();
        assert!(Config::names().contains(name), "{name}");
    }
    let ignored = fs::read_to_string(ops("../.dockerignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "ops/secrets"));
}

#[test]
fn the_runbook_names_settings_that_exist() {
    let runbook = text("README.md");
    let scripts = [
        "backup/entrypoint",
        "backup/settings",
        "backup/healthcheck",
        "compose.yml",
    ];
    let others = scripts.map(text).concat();
    let known = Config::names();
    let quoted = runbook.split('`').skip(1).step_by(2);
    let names = quoted.map(|quoted| quoted.split(['=', '…']).next().unwrap_or_default());
    let is_name = |name: &&str| {
        let letters = name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        letters && name.len() > 3 && !name.ends_with('_')
    };
    let names: Vec<_> = names.filter(is_name).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let setting = name.strip_suffix("_FILE").unwrap_or(name);
        assert!(known.contains(setting) || others.contains(name), "{name}");
    }
}

#[test]
fn the_runbook_says_what_every_panel_shows_and_what_to_do_about_every_alert() {
    let runbook = text("README.md");
    let rows: Vec<_> = runbook
        .lines()
        .filter(|line| line.starts_with("| "))
        .collect();
    let dashboard: Value =
        serde_json::from_str(&text("grafana/dashboards/gpt-object-store.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 10);
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        let is_named = |row: &&str| {
            row[2..]
                .split(" |")
                .next()
                .unwrap()
                .split("; ")
                .any(|one| one == title)
        };
        assert!(rows.iter().any(is_named), "{title}");
    }
    let rules: Value =
        yaml_serde::from_str(&text("prometheus/rules/gpt-object-store.yml")).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() > 10);
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        let severity = match rule["labels"]["severity"].as_str().unwrap() {
            "page" => "page ",
            _ => "",
        };
        let begin = format!("| `{name}` | {severity}| ");
        assert!(rows.iter().any(|row| row.starts_with(&begin)), "{begin}");
    }
}
