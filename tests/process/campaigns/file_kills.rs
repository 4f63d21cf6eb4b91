//! `kill -9` while files are created, completed and deleted: what was acknowledged is there and
//! whole, what was deleted is gone, and a sweep leaves not one byte that no row knows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::file_calls::{FileFolder, KEY_1};
use super::super::{Answer, Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

const ROUNDS: u32 = 5;
/// Clients of each kind.
const CLIENTS: usize = 4;
/// How long they work before the server is killed.
const LOAD: Duration = Duration::from_millis(400);
/// How long it may take until the bytes of what was deleted are gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the clients know.
#[derive(Default)]
struct Known {
    /// The content of files that were acknowledged.
    files: BTreeMap<String, String>,
    /// Files whose deletion was acknowledged.
    deleted: Vec<String>,
}

on_each_database!(campaign_kill9_files);

async fn campaign_kill9_files(database: ScratchDatabase) {
    let folder = FileFolder::new();
    let url = folder.url();
    let settings = [("FILES_URL", url.as_str()), ("FILES_ENCRYPTION_KEY", KEY_1)];
    let mut server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    let mut known = Known::default();
    for round in 0..ROUNDS {
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let mark = format!("{round}-{number}");
            clients.spawn(create(caller.clone(), mark.clone()));
            clients.spawn(complete(caller.clone(), mark.clone()));
            clients.spawn(create_and_delete(caller.clone(), mark));
        }
        sleep(LOAD + Duration::from_millis(13) * round).await;
        server.kill9();
        for one in clients.join_all().await {
            known.files.extend(one.files);
            known.deleted.extend(one.deleted);
        }
        server.restart().await;
    }
    server.kill9();
    println!(
        "{} files, {} deletions",
        known.files.len(),
        known.deleted.len()
    );
    assert!(known.files.len() > 50 && known.deleted.len() > 10);

    // What was being removed at a kill is left alone for minutes, and a job for half of one; they have passed now.
    let due = "UPDATE blobs SET next_attempt_at = deleted_at WHERE deleted_at IS NOT NULL";
    println!("{} blobs wait to be removed", database.execute(due).await);
    let left = "UPDATE jobs SET lease_until = created_at WHERE state = 'running'";
    println!("{} jobs were cut short", database.execute(left).await);
    let sweeping = [("FILES_ORPHAN_SECONDS", "0"), ("FILES_SWEEP_SECONDS", "1")];
    let settings = [&settings[..], &sweeping].concat();
    let server = ServerProcess::start(database.url(), &settings).await;
    let caller = caller.at(&server);
    known.verify(&caller).await;
    let waiting = "UPDATE blobs SET attempts = attempts WHERE deleted_at IS NOT NULL";
    let start = Instant::now();
    while database.execute(waiting).await > 0 {
        assert!(start.elapsed() < PATIENCE, "blobs are not removed");
        sleep(Duration::from_millis(50)).await;
    }
    // Files have one blob, or three; parts of uploads that were under way have theirs.
    let rows = database
        .execute("UPDATE blobs SET attempts = attempts")
        .await;
    folder.has(usize::try_from(rows).unwrap()).await;
    known.verify(&caller).await;
}

/// A content that no other file has, of up to 300 kB.
fn content(mark: &str, count: usize) -> String {
    format!("{mark}-{count};").repeat(1 + count % 7 * 5000)
}

async fn create(caller: Caller, mark: String) -> Known {
    let mut known = Known::default();
    for count in 0.. {
        let content = content(&mark, count);
        let Ok(answer) = Answer::maybe_to(caller.file(&content)).await else {
            break;
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        known.files.insert(answer.id(), content);
    }
    known
}

async fn create_and_delete(caller: Caller, mark: String) -> Known {
    let mut known = Known::default();
    for count in 0.. {
        let Ok(created) = Answer::maybe_to(caller.file(&content(&mark, count))).await else {
            break;
        };
        let Ok(deleted) = Answer::maybe_to(caller.deletion(&created.id())).await else {
            break;
        };
        assert_eq!(deleted.status, 200, "{deleted:?}");
        known.deleted.push(created.id());
    }
    known
}

/// Uploads in three parts until there is no answer.
async fn complete(caller: Caller, mark: String) -> Known {
    let mut known = Known::default();
    for count in 0.. {
        let contents = [1, 2, 3].map(|part| content(&format!("{mark}-part-{part}"), count));
        let whole = contents.concat();
        let completed = async {
            let upload = Answer::maybe_to(caller.upload(whole.len())).await?.id();
            let mut parts = Vec::new();
            for content in &contents {
                let part = Answer::maybe_to(caller.part(&upload, content)).await?;
                parts.push(part.id());
            }
            Answer::maybe_to(caller.completion(&upload, &parts)).await
        };
        let completed: reqwest::Result<Answer> = completed.await;
        let Ok(completed) = completed else { break };
        assert_eq!(completed.status, 200, "{completed:?}");
        let id = completed.body["file"]["id"].as_str().unwrap();
        known.files.insert(id.to_owned(), whole);
    }
    known
}

impl Known {
    async fn verify(&self, caller: &Caller) {
        let listed = caller.files().await;
        let ids: Vec<_> = listed
            .iter()
            .map(|file| file["id"].as_str().unwrap())
            .collect();
        for (id, content) in &self.files {
            assert!(ids.contains(&id.as_str()), "{id} was acknowledged");
            let (status, found) = caller.content(id).await.unwrap();
            assert!(
                status == 200 && found == content.as_bytes(),
                "{id}: {status}"
            );
        }
        for id in &self.deleted {
            assert_eq!(caller.content(id).await.unwrap().0, 404, "{id} was deleted");
        }
        // Whatever else is listed was not answered, and is whole all the same.
        for file in listed {
            let id = file["id"].as_str().unwrap();
            let (status, found) = caller.content(id).await.unwrap();
            assert_eq!(
                (status, found.len() as u64),
                (200, file["bytes"].as_u64().unwrap())
            );
        }
    }
}
