//! The layers: `commands -> server -> api -> service -> {store, blob, jobs}`, with leaves that
//! serve all of them. What a layer may not name, and where that belongs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::words::{Word, modules_named};
use super::{Finding, starts};

/// What the files of one folder may not name.
struct Layer {
    /// Folders, or files without `.rs`, that the rule holds in.
    folders: &'static [&'static str],
    /// Folders below them that it does not hold in.
    except: &'static [&'static str],
    /// Crates of others.
    crates: &'static [&'static str],
    /// Modules of this package, as in `crate::store`.
    modules: &'static [&'static str],
    sentence: &'static str,
}

const LAYERS: &[Layer] = &[
    Layer {
        folders: &["src/service"],
        except: &[],
        crates: &["poem", "poem_openapi", "sea_orm", "sea_query", "sqlx"],
        modules: &["api", "server", "commands"],
        sentence: "a service knows neither HTTP nor SQL: take plain values, and leave requests to src/api and queries to src/store",
    },
    Layer {
        folders: &["src"],
        except: &["src/store"],
        crates: &[
            "sea_orm",
            "sea_orm_migration",
            "sea_query",
            "sqlx",
            "gpt_object_store_migration",
        ],
        modules: &[],
        sentence: "only src/store speaks to a database: write the query there as a function that takes `&Tenant` first, and call that",
    },
    Layer {
        folders: &["src"],
        except: &["src/blob"],
        crates: &["object_store"],
        modules: &[],
        sentence: "only src/blob speaks to object storage: write what is missing there, free of its types",
    },
    Layer {
        folders: &["src/blob"],
        except: &[],
        crates: &["poem", "poem_openapi"],
        modules: &[
            "store", "service", "jobs", "api", "auth", "server", "commands",
        ],
        sentence: "blob lies at the bottom: take plain values and return bytes or a BlobError",
    },
    Layer {
        folders: &["src/api"],
        except: &[],
        crates: &[],
        modules: &["blob", "store", "jobs", "server", "commands"],
        sentence: "a handler never reaches past its neighbor: call a function of src/service",
    },
    Layer {
        folders: &["src/store"],
        except: &[],
        crates: &["poem", "poem_openapi"],
        modules: &[
            "blob", "service", "jobs", "api", "auth", "server", "commands",
        ],
        sentence: "the store lies at the bottom: take plain values and return rows or a StoreError",
    },
    Layer {
        folders: &["src/limits"],
        except: &[],
        crates: &["poem", "poem_openapi"],
        modules: &[
            "blob", "store", "service", "api", "auth", "server", "commands",
        ],
        sentence: "limits know neither HTTP nor SQL: take addresses and names of keys, and return decisions",
    },
    Layer {
        folders: &["src"],
        except: &["src/limits"],
        crates: &["governor"],
        modules: &[],
        sentence: "only src/limits counts requests: write what is missing there, free of its crates' types",
    },
    Layer {
        folders: &["src"],
        except: &["src/limits", "src/jobs", "src/redis_link"],
        crates: &["redis"],
        modules: &[],
        sentence: "only src/limits and src/jobs speak to Redis: write what is missing there, free of its types",
    },
    Layer {
        folders: &["src/jobs"],
        except: &[],
        crates: &["poem", "poem_openapi"],
        modules: &["blob", "api", "auth", "server", "commands"],
        sentence: "a job knows neither HTTP nor bytes: call a function of src/service",
    },
    Layer {
        folders: &["src/jobs/queue", "src/jobs/delivery", "src/jobs/counters"],
        except: &[],
        crates: &[],
        modules: &["service"],
        sentence: "a service hands jobs in, so the queue lies below it: leave what does them to the worker",
    },
    Layer {
        folders: &[
            "src/clock",
            "src/document",
            "src/error",
            "src/ids",
            "src/lookups",
            "src/probe",
            "src/redis_link",
            "src/stopping",
        ],
        except: &[],
        crates: &["poem", "poem_openapi"],
        modules: &[
            "blob", "store", "service", "api", "auth", "server", "commands",
        ],
        sentence: "a leaf serves every layer and knows none: move what needs a layer into that layer",
    },
    Layer {
        folders: &["migration/src"],
        except: &[],
        crates: &["gpt_object_store", "entity", "entities"],
        modules: &[],
        sentence: "a migration never imports entities, which change after it was written: name tables and columns in the migration itself",
    },
];

/// Calls that belong in one place: the words of the call, where it may stand, and why.
const ONE_PLACE: &[(&[&str], &[&str], &str)] = &[
    (&["Utc", ":", ":", "now"], &["src/clock"], CLOCK),
    (&["SystemTime", ":", ":", "now"], &["src/clock"], CLOCK),
    (&["env", ":", ":", "var"], CONFIGURATION, ENVIRONMENT),
    (&["env", ":", ":", "var_os"], CONFIGURATION, ENVIRONMENT),
    (&["env", ":", ":", "vars"], CONFIGURATION, ENVIRONMENT),
    (&["env", ":", ":", "vars_os"], CONFIGURATION, ENVIRONMENT),
];

const CLOCK: &str = "nothing but the clock asks the time: use `clock::Timestamp::now`";
const CONFIGURATION: &[&str] = &[
    "src/blob/tests",
    "src/config",
    "src/jobs/tests",
    "src/limits/tests",
    "src/store/tests",
];
const ENVIRONMENT: &str =
    "only configuration reads the environment: add a setting to src/config and pass its value";

/// What `path` names against the rules; `production` is `words` without unit tests.
pub fn findings(path: &str, words: &[Word], production: &[Word]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for layer in LAYERS.iter().filter(|layer| layer.holds_in(path)) {
        let modules = modules_named(production).into_iter();
        let modules = modules.filter(|word| layer.modules.contains(&word.text.as_str()));
        let crates = words
            .iter()
            .filter(|word| layer.crates.contains(&word.text.as_str()))
            .cloned();
        for word in crates.chain(modules) {
            findings.push(Finding::at(
                path,
                word.line,
                format!("names `{}`, but {}", word.text, layer.sentence),
            ));
        }
    }
    findings.extend(misplaced_calls(path, production));
    findings.sort_by_key(|finding| finding.line);
    findings.dedup();
    findings
}

/// `xtask` builds what the server is made of, so it must build when the server does not.
///
/// # Errors
/// When a manifest cannot be read.
pub fn manifest_findings(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in [
        "xtask",
        "openapi",
        "migration",
        "client",
        "testing/bucket-server",
    ] {
        let path = format!("{package}/Cargo.toml");
        let text =
            fs::read_to_string(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
        findings.extend(server_dependencies(&path, &text));
    }
    Ok(findings)
}

fn server_dependencies(path: &str, manifest: &str) -> Vec<Finding> {
    let sentence = "depends on the server, which is made from it: move what both need into a package of its own";
    let lines = manifest.lines().enumerate().filter(|(_, line)| {
        let name = line.split(['=', '.']).next().unwrap_or_default().trim();
        name == "gpt-object-store"
    });
    lines
        .map(|(index, _)| Finding::at(path, index + 1, sentence.to_owned()))
        .collect()
}

fn misplaced_calls(path: &str, production: &[Word]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (call, places, sentence) in ONE_PLACE {
        if !lies_in(path, "src") || places.iter().any(|place| lies_in(path, place)) {
            continue;
        }
        let found = (0..production.len()).filter(|index| starts(&production[*index..], call));
        findings.extend(found.map(|index| {
            let name = call.concat();
            Finding::at(
                path,
                production[index].line,
                format!("calls `{name}`, but {sentence}"),
            )
        }));
    }
    findings
}

impl Layer {
    fn holds_in(&self, path: &str) -> bool {
        self.folders.iter().any(|folder| lies_in(path, folder))
            && !self.except.iter().any(|folder| lies_in(path, folder))
    }
}

/// Whether `path` is the module `place` or lies below it.
fn lies_in(path: &str, place: &str) -> bool {
    path.strip_prefix(place)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::super::words::{without_tests, words};
    use super::*;

    fn found(path: &str, source: &str) -> Vec<String> {
        let all = words(source).unwrap();
        findings(path, &all, &without_tests(&all))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn services_know_neither_http_nor_sql() {
        for bad in [
            "use poem::Request;",
            "fn f(_: sqlx::PgPool) {}",
            "use sea_orm::prelude::*;",
            "use crate::{ids, api::Problem};",
        ] {
            assert!(!found("src/service/objects.rs", bad).is_empty(), "{bad}");
        }
        assert!(
            found(
                "src/service/objects.rs",
                "use crate::store::Store; // not poem"
            )
            .is_empty()
        );
    }

    #[test]
    fn only_the_store_speaks_to_a_database() {
        assert_eq!(found("src/auth/keys.rs", "use sqlx::query;").len(), 1);
        assert_eq!(
            found(
                "src/main.rs",
                "fn f() { gpt_object_store_migration::run() }"
            )
            .len(),
            1
        );
        assert!(
            found(
                "src/store/objects.rs",
                "use sqlx::query; use sea_orm::Value;"
            )
            .is_empty()
        );
        assert!(found("tests/process.rs", "use sqlx::query;").is_empty());
    }

    #[test]
    fn only_blob_speaks_to_object_storage() {
        let source = "use object_store::ObjectStore;";
        assert_eq!(found("src/service/files.rs", source).len(), 1);
        assert!(found("src/blob/bucket.rs", source).is_empty());
        assert_eq!(
            found("src/blob/mod.rs", "use crate::store::Store;").len(),
            1
        );
        assert_eq!(
            found("src/api/files.rs", "use crate::blob::Bucket;").len(),
            1
        );
        assert!(found("src/service/files.rs", "use crate::blob::Bucket;").is_empty());
    }

    #[test]
    fn handlers_do_not_reach_past_services() {
        assert_eq!(
            found("src/api/objects.rs", "use super::super::store::Store;").len(),
            1
        );
        assert_eq!(
            found(
                "src/api.rs",
                "use crate::{\n ids::GptId,\n store::Store,\n};"
            )
            .len(),
            1
        );
        assert!(
            found(
                "src/api/objects.rs",
                "#[cfg(test)] mod tests { use crate::store::Store; }"
            )
            .is_empty()
        );
        assert!(found("src/apis.rs", "use crate::store::Store;").is_empty());
    }

    #[test]
    fn migrations_and_leaves_stand_alone() {
        assert_eq!(
            found(
                "migration/src/m1.rs",
                "use gpt_object_store::store::entity;"
            )
            .len(),
            2
        );
        assert_eq!(
            found("src/document/schema.rs", "use crate::api::problem;").len(),
            1
        );
    }

    #[test]
    fn time_and_environment_have_one_place() {
        let text = "fn f() { Utc::now(); std::env::var(\"A\"); }";
        assert_eq!(found("src/service/objects.rs", text).len(), 2);
        assert_eq!(found("src/clock.rs", text).len(), 1);
        assert!(found("xtask/src/test.rs", text).is_empty());
    }

    #[test]
    fn the_server_is_nobodys_dependency() {
        let bad = "[dependencies]\ngpt-object-store = { path = \"..\" }\n";
        assert_eq!(server_dependencies("xtask/Cargo.toml", bad).len(), 1);
        let good = "gpt-object-store-openapi = { path = \"../openapi\" }\ngpt-object-store-openapi.workspace = true\n";
        assert!(server_dependencies("xtask/Cargo.toml", good).is_empty());
    }
}
