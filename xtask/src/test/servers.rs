//! The servers that the tests speak HTTP with.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use gpt_object_store_openapi::{Plane, load};
use serde_json::json;
use tempfile::TempDir;

use crate::servers::{Buckets, Cluster, ObjectStore, suite_place};

/// The file that has the callers' contract and the operator's as JSON.
const CONTRACT: &str = "contracts.json";

/// The real program, once on each database and once on each kind of bucket, and the buckets.
pub struct Servers {
    serving: Vec<Serving>,
    buckets: Buckets,
    folder: TempDir,
}

/// A server, and how the tests find it.
struct Serving {
    variable: &'static str,
    server: ObjectStore,
    database_url: String,
}

impl Servers {
    /// Starts them, with what they store in memory where the system has such a place.
    ///
    /// # Errors
    /// When one does not start.
    pub fn start(root: &Path, cluster: &Cluster) -> Result<Self> {
        let folder = tempfile::tempdir_in(suite_place())?;
        let mut create = cluster.command("psql", "postgres");
        create.args(["-X", "-q", "-c", "CREATE DATABASE contract"]);
        ensure!(
            create.status()?.success(),
            "cannot create a database for the tests"
        );
        let [callers, operators] = Plane::ALL.map(|plane| load(plane.yaml()));
        let (callers, operators) = (callers?, operators?);
        let contracts = serde_json::to_vec(&[callers.value(), operators.value()])?;
        std::fs::write(folder.path().join(CONTRACT), contracts)?;
        let program = ObjectStore::program(root, "debug");
        let buckets = Buckets::start(&program.with_file_name("bucket-server"), folder.path())?;
        let file = |name: &str| format!("sqlite://{}/{name}.db", folder.path().display());
        let mut serving = Vec::new();
        for (variable, database_url, settings) in [
            ("TEST_SERVER_SQLITE", file("contract"), Vec::new()),
            ("TEST_SERVER_POSTGRES", cluster.url("contract"), Vec::new()),
            ("TEST_SERVER_S3", file("s3"), buckets.settings("s3")?),
            ("TEST_SERVER_GCS", file("gcs"), buckets.settings("gcs")?),
        ] {
            let own = folder.path().join(variable);
            std::fs::create_dir(&own)?;
            let server = ObjectStore::start_with(&program, &database_url, &own, settings)?;
            serving.push(Serving {
                variable,
                server,
                database_url,
            });
        }
        Ok(Self {
            serving,
            buckets,
            folder,
        })
    }

    /// The two that keep everything in their database: SQLite, PostgreSQL.
    pub fn on_each_database(&self) -> impl Iterator<Item = &ObjectStore> {
        self.serving.iter().take(2).map(|serving| &serving.server)
    }

    /// Tells tests where the servers are.
    pub fn describe(&self, command: &mut Command) {
        for serving in &self.serving {
            let description = json!({
                "url": serving.server.base_url(),
                "database_url": serving.database_url,
            });
            command.env(serving.variable, description.to_string());
        }
        command.env("TEST_FOLDER", self.folder.path());
        command.env("TEST_CONTRACT", self.folder.path().join(CONTRACT));
        command.env("TEST_BUCKETS", self.buckets.addresses());
    }
}
