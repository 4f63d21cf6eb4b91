//! `kill -9` while clients count up in one namespace: no acknowledged increment is lost.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::{Answer, Caller};
use crate::support::buckets;
use crate::support::cluster::ScratchDatabase;
use crate::support::process::{Program, ServerProcess};

const ROUNDS: u64 = 5;
const CLIENTS: i64 = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_storage_kill9_sqlite() {
    let database = ScratchDatabase::sqlite();
    count_through_kills(Program::on(database.url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_storage_kill9_postgres() {
    let database = ScratchDatabase::postgres().await;
    count_through_kills(Program::on(database.url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_storage_kill9_s3() {
    count_through_kills(with_bucket("s3")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_storage_kill9_gcs() {
    count_through_kills(with_bucket("gcs")).await;
}

fn with_bucket(kind: &str) -> Program {
    let settings = buckets::settings(kind);
    let settings = settings.iter();
    settings.fold(Program::new(), |program, (name, value)| {
        program.with(name, value)
    })
}

async fn count_through_kills(program: Program) {
    let mut server: ServerProcess = program.serve(&[]).await;
    let caller = Caller::create(&server, "alice");
    let mut least = 0;
    for round in 0..ROUNDS {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(count(caller.clone()));
        }
        sleep(Duration::from_millis(300 + 13 * round)).await;
        server.kill9();
        let acknowledged: i64 = clients.join_all().await.into_iter().sum();
        server.restart().await;
        let (version, counter) = read(&caller).await.unwrap();
        assert_eq!(version, counter, "each version is one increment");
        let most = least + acknowledged + CLIENTS;
        assert!(
            (least + acknowledged..=most).contains(&counter),
            "{counter} is not {least} + {acknowledged}, or up to {CLIENTS} more that were in flight"
        );
        assert!(acknowledged > 5, "the clients were at work: {acknowledged}");
        least = counter;
    }
    println!("kept: {least} increments through {ROUNDS} kills");
}

/// The version and the counter; `None` when there is no answer.
async fn read(caller: &Caller) -> Option<(i64, i64)> {
    let answer = Answer::maybe_to(caller.get_storage("counter")).await.ok()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let version = answer.headers["etag"].to_str().unwrap().trim_matches('"');
    let version = version.parse().unwrap();
    Some((version, answer.body["n"].as_i64().unwrap_or(0)))
}

/// Counts up until there is no answer; gives how many increments were acknowledged.
async fn count(caller: Caller) -> i64 {
    let mut acknowledged = 0;
    while let Some((version, counter)) = read(&caller).await {
        let operations = json!([{ "op": "set", "key": "n", "value": counter + 1 }]);
        let patch = caller.patch_storage("counter", &version.to_string(), operations);
        let Ok(answer) = Answer::maybe_to(patch).await else {
            break;
        };
        match answer.status {
            200 | 201 => acknowledged += 1,
            412 => {
                let pause = u64::from(getrandom::u32().unwrap() % 20);
                sleep(Duration::from_millis(pause)).await;
            }
            other => panic!("{other}: {answer:?}"),
        }
    }
    acknowledged
}
