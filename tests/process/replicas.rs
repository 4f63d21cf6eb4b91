//! Several processes on one database.

use std::process::Stdio;

use futures::future::join_all;
use serde_json::json;

use super::Caller;
use crate::support::cluster::ScratchDatabase;
use crate::support::process::{Program, ServerProcess};

const REPLICAS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_start_together_on_an_empty_database_and_share_cursors() {
    let database = ScratchDatabase::postgres().await;
    let starts = (0..REPLICAS).map(|_| ServerProcess::start(database.url(), &[]));
    let replicas = join_all(starts).await;
    for replica in &replicas {
        assert_eq!(
            replica.stdout(),
            "",
            "no key may be in a production server's output"
        );
    }

    let caller = Caller::create(&replicas[0], "alice");
    caller.create_collection("notes").await;
    for (number, replica) in replicas.iter().enumerate() {
        let body = json!({ "n": number });
        let created = caller.at(replica).create_object("notes", &body).await;
        assert_eq!(created.status, 201, "{created:?}");
    }
    let mut path = "notes/objects?limit=1&order=asc".to_owned();
    for (number, replica) in replicas.iter().enumerate() {
        let page = caller.at(replica).get(&path).await;
        assert_eq!(page.body["items"][0]["body"]["n"], number, "{page:?}");
        assert_eq!(page.body["has_more"], number + 1 < REPLICAS);
        let cursor = page.body["next_cursor"].as_str().unwrap_or_default();
        path = format!("notes/objects?limit=1&order=asc&cursor={cursor}");
    }
}

#[tokio::test]
async fn migrations_run_together_on_one_file() {
    let database = ScratchDatabase::sqlite();
    let program = Program::on(database.url());
    let mut running = Vec::new();
    for _ in 0..REPLICAS {
        let mut command = program.command(&["migrate"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        running.push(command.spawn().unwrap());
    }
    for child in running {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    program.run(&["gpt", "list"]).succeeded();
}
