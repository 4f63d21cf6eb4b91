//! Files as an operator sees them: their bytes, their keys, and what damage does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::file_calls::{FileFolder, KEY_1, KEY_2};
use super::{Answer, Caller, Worker, on_each_database, until};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::{Program, ServerProcess};

/// How long what a worker does may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longer than two chunks.
fn text() -> String {
    (0..20_000).map(|n| format!("{n:09}\n")).collect()
}

/// A server that is no worker, which would wrap keys by itself.
async fn server(database: &ScratchDatabase, folder: &FileFolder, keys: &str) -> ServerProcess {
    server_with_worker(database, folder, keys, "off").await
}

async fn server_with_worker(
    database: &ScratchDatabase,
    folder: &FileFolder,
    keys: &str,
    worker: &str,
) -> ServerProcess {
    let settings = [
        ("WORKER", worker.to_owned()),
        ("FILES_URL", folder.url()),
        ("FILES_ENCRYPTION_KEY", keys.to_owned()),
        ("FILES_SWEEP_SECONDS", "1".to_owned()),
    ];
    let settings = settings
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    ServerProcess::start(database.url(), &settings).await
}

on_each_database!(bytes_go_when_their_file_has_gone);

async fn bytes_go_when_their_file_has_gone(database: ScratchDatabase) {
    let folder = FileFolder::new();
    let server = server_with_worker(&database, &folder, KEY_1, "on").await;
    let caller = Caller::create(&server, "alice");
    let kept = caller.has_file("kept").await;
    let deleted = caller.has_file("deleted").await;
    let expiring = serde_json::json!({
        "filename": "a", "purpose": "batch", "content": "a", "expires_in": 1,
    });
    let expiring = caller
        .request(reqwest::Method::POST, "/v1/files")
        .json(&expiring);
    assert_eq!(Answer::to(expiring).await.status, 200);
    let upload = Answer::to(caller.upload(3)).await.id();
    let part = Answer::to(caller.part(&upload, "abc")).await;
    assert_eq!(part.status, 200, "{part:?}");
    let over = "UPDATE uploads SET expires_at = created_at";
    assert_eq!(database.execute(over).await, 1);
    assert_eq!(Answer::to(caller.deletion(&deleted)).await.status, 200);
    folder.has(1).await;
    assert_eq!(caller.content(&kept).await.unwrap().1, b"kept");
    server.logs("purged files").await;

    let bob = Caller::create(&server, "bob");
    bob.has_file("bob's").await;
    server
        .program()
        .run(&["gpt", "delete", "alice", "--yes"])
        .succeeded();
    folder.has(1).await;
    assert_eq!(database.execute("DELETE FROM blobs").await, 1);
}

on_each_database!(a_worker_alone_removes_bytes);

async fn a_worker_alone_removes_bytes(database: ScratchDatabase) {
    let folder = FileFolder::new();
    let server = server(&database, &folder, KEY_1).await;
    let (alice, bob) = (
        Caller::create(&server, "alice"),
        Caller::create(&server, "bob"),
    );
    alice.has_file("kept").await;
    for _ in 0..3 {
        let deleted = alice.has_file("deleted").await;
        assert_eq!(Answer::to(alice.deletion(&deleted)).await.status, 200);
    }
    bob.has_file("bob's").await;
    let delete = ["gpt", "delete", "bob", "--yes"];
    server.program().run(&delete).succeeded();
    // Nobody works, and what waits for the first deletion is enough for the others.
    let waiting = server.program().json_lines(&["job", "list"]);
    let kinds: Vec<_> = waiting.iter().map(|job| &job["kind"]).collect();
    assert_eq!(kinds, ["purge_gpt_files", "purge_files"]);
    assert_eq!(folder.objects().len(), 5);

    let _worker = Worker::beside(&server);
    folder.has(1).await;
    let done = |kind| {
        let list = ["job", "list", "--kind", kind, "--state", "succeeded"];
        server.program().json_lines(&list)
    };
    until(PATIENCE, || done("purge_gpt_files").len() == 1).await;
    assert_eq!(done("purge_gpt_files")[0]["result"]["removed"], 1);
}

on_each_database!(bytes_that_no_row_knows_are_removed);

async fn bytes_that_no_row_knows_are_removed(database: ScratchDatabase) {
    let folder = FileFolder::new();
    let first = server(&database, &folder, KEY_1).await;
    let caller = Caller::create(&first, "alice");
    let id = caller.has_file("kept").await;
    drop(first);
    let object = folder.objects().remove(0);
    let beside = |name: &str| object.with_file_name(name);
    // What a crash leaves: a blob, a draft of one, and the blob of a GPT that has gone.
    fs::copy(&object, beside("0198c2f47b1e7c339f0a3d5e2b1c4a60")).unwrap();
    fs::copy(&object, beside("0198c2f47b1e7c339f0a3d5e2b1c4a61#1")).unwrap();
    let gone = object.parent().unwrap().with_file_name("gone");
    fs::create_dir(&gone).unwrap();
    fs::copy(&object, gone.join("0198c2f47b1e7c339f0a3d5e2b1c4a62")).unwrap();
    fs::write(beside("notes.txt"), "of the operator").unwrap();
    let url = folder.url();
    let settings = [
        ("FILES_URL", url.as_str()),
        ("FILES_ENCRYPTION_KEY", KEY_1),
        ("FILES_SWEEP_SECONDS", "1"),
        ("FILES_ORPHAN_SECONDS", "0"),
    ];
    let sweeping = ServerProcess::start(database.url(), &settings).await;
    folder.has(2).await;
    assert!(beside("notes.txt").exists() && object.exists());
    // One look finds them, and another removes them.
    let sum = |counted: &str| {
        let list = ["job", "list", "--kind", "purge_orphans"];
        let jobs = sweeping.program().json_lines(&list);
        let counts = jobs
            .iter()
            .filter_map(|job| job["result"][counted].as_u64());
        counts.sum::<u64>()
    };
    until(PATIENCE, || sum("removed") == 2).await;
    assert_eq!(sum("found"), 2);
    let caller = caller.at(&sweeping);
    assert_eq!(caller.content(&id).await.unwrap().1, b"kept");
}

on_each_database!(keys_are_rotated_while_files_are_served);

async fn keys_are_rotated_while_files_are_served(database: ScratchDatabase) {
    let (folder, text) = (FileFolder::new(), text());
    let first = server(&database, &folder, KEY_1).await;
    let caller = Caller::create(&first, "alice");
    let id = caller.has_file(&text).await;
    caller.has_file("another").await;
    drop(first);

    let both = server(&database, &folder, &format!("{KEY_2},{KEY_1}")).await;
    let caller = caller.at(&both);
    assert_eq!(caller.content(&id).await.unwrap().1, text.as_bytes());
    let new = caller.has_file("by the new key").await;
    let rotated = both.program().json(&["files", "rotate-key"]);
    assert_eq!(
        (&rotated["rewrapped"], &rotated["key_id"]),
        (&2.into(), &2.into())
    );
    let again = both.program().json(&["files", "rotate-key"]);
    assert_eq!(again["rewrapped"], 0);
    assert_eq!(caller.content(&id).await.unwrap().1, text.as_bytes());
    drop(both);

    let second = server(&database, &folder, KEY_2).await;
    let caller = caller.at(&second);
    assert_eq!(caller.content(&id).await.unwrap().1, text.as_bytes());
    assert_eq!(caller.content(&new).await.unwrap().1, b"by the new key");
    drop(second);

    let wrong = server(&database, &folder, KEY_1).await;
    let caller = caller.at(&wrong);
    assert_eq!(caller.content(&id).await.unwrap().0, 500);
    wrong.logs("there is no master key 2").await;
    let run = wrong.program().run(&["files", "rotate-key"]);
    run.failed_saying("3 could not be unwrapped");
}

on_each_database!(a_worker_wraps_keys_anew_after_a_rotation);

async fn a_worker_wraps_keys_anew_after_a_rotation(database: ScratchDatabase) {
    let folder = FileFolder::new();
    let first = server(&database, &folder, KEY_1).await;
    let caller = Caller::create(&first, "alice");
    let id = caller.has_file("one").await;
    caller.has_file("two").await;
    drop(first);

    // Known to all and used by none yet: nothing may be wrapped back later.
    let keys = format!("{KEY_1},{KEY_2}");
    let known = server_with_worker(&database, &folder, &keys, "on").await;
    let caller = caller.at(&known);
    caller.has_file("three").await;
    let planned = |server: &ServerProcess| {
        let list = ["job", "list", "--kind", "rewrap_keys"];
        server.program().json_lines(&list)
    };
    let sweep = ["job", "list", "--kind", "sweep", "--state", "succeeded"];
    until(PATIENCE, || !known.program().json_lines(&sweep).is_empty()).await;
    assert!(planned(&known).is_empty());
    drop(known);

    let keys = format!("{KEY_2},{KEY_1}");
    let both = server_with_worker(&database, &folder, &keys, "on").await;
    until(PATIENCE, || {
        planned(&both).iter().any(|job| job["state"] == "succeeded")
    })
    .await;
    let jobs = planned(&both);
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    let result = &jobs[0]["result"];
    let counts = (&result["key_id"], &result["rewrapped"], &result["failed"]);
    assert_eq!(counts, (&2.into(), &3.into(), &0.into()));
    drop(both);

    let second = server(&database, &folder, KEY_2).await;
    assert_eq!(caller.at(&second).content(&id).await.unwrap().1, b"one");
}

on_each_database!(damaged_bytes_are_never_answered);

async fn damaged_bytes_are_never_answered(database: ScratchDatabase) {
    let (folder, text) = (FileFolder::new(), text());
    let server = server(&database, &folder, KEY_1).await;
    let caller = Caller::create(&server, "alice");
    let id = caller.has_file(&text).await;
    let object = folder.objects().remove(0);
    let whole = fs::read(&object).unwrap();
    assert!(
        !whole
            .windows(20)
            .any(|part| text.as_bytes().windows(20).next() == Some(part))
    );
    let flipped = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        bytes
    };
    for damaged in [
        flipped(100),
        flipped(whole.len() - 1),
        whole[..whole.len() - 1].to_vec(),
        whole[..70_000].to_vec(),
        [&whole[..], b"x"].concat(),
        Vec::new(),
    ] {
        fs::write(&object, damaged).unwrap();
        if let Some((status, bytes)) = caller.content(&id).await {
            assert_eq!(status, 500, "{}", String::from_utf8_lossy(&bytes));
        }
    }
    server.logs("the stored bytes are damaged").await;
    fs::remove_file(&object).unwrap();
    assert_eq!(caller.content(&id).await.unwrap().0, 500);
    fs::write(&object, &whole).unwrap();
    assert_eq!(caller.content(&id).await.unwrap().1, text.as_bytes());
    // Nothing but its row knows a blob's own key, so another one's object is as good as noise.
    let other = caller.has_file(&text).await;
    let objects = folder.objects();
    let their_object = objects.iter().find(|path| **path != object).unwrap();
    fs::copy(their_object, &object).unwrap();
    assert!(
        caller
            .content(&id)
            .await
            .is_none_or(|(status, _)| status == 500)
    );
    assert_eq!(caller.content(&other).await.unwrap().1, text.as_bytes());
}

#[tokio::test]
async fn production_without_a_key_serves_no_files_and_says_how_to_make_one() {
    let database = ScratchDatabase::postgres().await;
    let server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    for request in [
        caller.file("a"),
        caller.request(reqwest::Method::GET, "/v1/files"),
        caller.upload(1),
        caller.deletion("file-0198c2f47b1e7c339f0a3d5e2b1c4a60"),
    ] {
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    assert_eq!(caller.status().await, 200);
    server.logs("openssl rand -base64 32").await;
    assert!(!server.program().folder().join("data").exists());
}

#[tokio::test]
async fn the_embedded_default_makes_a_key_and_says_where() {
    let mut server = Program::new().serve(&[]).await;
    let path = server.program().folder().join("data/files.key");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.logs("data/files.key").await;
    let key = fs::read_to_string(&path).unwrap();
    let caller = Caller::create(&server, "alice");
    let id = caller.has_file("abc").await;
    assert!(stored(&server.program().folder().join("data/files")));
    server.kill9();
    server.restart().await;
    assert_eq!(caller.content(&id).await.unwrap().1, b"abc");
    assert_eq!(fs::read_to_string(&path).unwrap(), key);
    let secret = key.trim().trim_start_matches("base64:");
    assert!(!server.stderr().contains(secret));
}

fn stored(folder: &Path) -> bool {
    fs::read_dir(folder.join("blobs/alice")).unwrap().count() == 1
}
