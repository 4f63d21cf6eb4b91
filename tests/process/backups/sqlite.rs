//! `backup`, `restore`, and the server's backup of every day.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::super::Caller;
use super::Writers;
use crate::support::cluster::ScratchDatabase;
use crate::support::process::{Program, ServerProcess};
use crate::support::rows;

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_restores_to_what_was_at_one_moment() {
    let database = ScratchDatabase::sqlite();
    let mut server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();

    let writers = Writers::start(&caller).await;
    let before = writers.acknowledged(100).await;
    let backup = path("busy.db");
    block_in_place(|| {
        let run = server.program().run(&["backup", "--output", &backup]);
        run.succeeded();
    });
    let after = writers.finish().await;
    assert!(after.len() > before.len(), "the backup met no load");
    let restored = ScratchDatabase::sqlite();
    let program = Program::on(restored.url());
    program.run(&["restore", &backup]).succeeded();
    let part = rows::all(restored.url()).await;
    // When a key was last used is written now and then.
    rows::assert_part(&part, &rows::all(database.url()).await, &["api_keys"]);
    let objects = part["objects"].concat().replace('-', "").to_lowercase();
    let kept = |id: &String| objects.contains(&id.replace('-', ""));
    assert!(before.iter().all(kept), "an acknowledged object is missing");

    server.terminate(LIMIT).await;
    let backup = path("quiet.db");
    let made = server.program().json(&["backup", "--output", &backup]);
    assert_eq!(made["bytes"], fs::metadata(&backup).unwrap().len());
    program
        .run(&["restore", "--overwrite", &backup])
        .succeeded();
    let all = rows::all(database.url()).await;
    rows::assert_same(&all, &rows::all(restored.url()).await);
    let server = program.serve(&[]).await;
    assert_eq!(caller.at(&server).walk("notes").await.len(), after.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_overwritten_unasked_and_no_server_loses_its_database() {
    let mut server = Program::new().serve(&[]).await;
    let folder = server.program().folder().to_owned();
    let backup = server.program().json(&["backup"])["path"].clone();
    let backup = backup.as_str().unwrap();
    assert!(backup.starts_with("./data/backups/backup-2"), "{backup}");
    let again = server.program().run(&["backup", "--output", backup]);
    again.failed_saying("there is already a file");
    let caller = Caller::create(&server, "bob");
    caller.create_collection("notes").await;

    let restore = |arguments: &[&str]| server.program().run(&[&["restore"], arguments].concat());
    restore(&[backup]).failed_saying("--overwrite replaces");
    restore(&[backup, "--overwrite"]).failed_saying("stop the server first");
    assert_eq!(caller.get("notes").await.status, 200);
    restore(&["none.db"]).failed_saying("there is no file none.db");
    server.terminate(LIMIT).await;

    let before = rows::all(&url_in(&folder)).await;
    let whole = fs::read(folder.join(backup)).unwrap();
    for (name, bytes, says) in [
        ("cut.db", &whole[..whole.len() / 2], "damaged"),
        ("short.db", &whole[..whole.len() - 1], "damaged"),
        ("other.db", &b"PostgreSQL"[..], "damaged"),
        ("empty.db", &[][..], "no backup of this store"),
    ] {
        fs::write(folder.join(name), bytes).unwrap();
        let run = server.program().run(&["restore", name, "--overwrite"]);
        run.failed_saying(says);
    }
    rows::assert_same(&before, &rows::all(&url_in(&folder)).await);
    let run = server.program().run(&["restore", backup, "--overwrite"]);
    run.succeeded();
    server.restart().await;
    assert_eq!(caller.status().await, 401, "bob came after the backup");
    assert_eq!(unfinished(&folder.join("data")), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn the_log_of_a_killed_server_is_not_taken_for_that_of_the_backup() {
    let mut server = Program::new().serve(&[]).await;
    let folder = server.program().folder().to_owned();
    let caller = Caller::create(&server, "bob");
    caller.create_collection("notes").await;
    let backup = server.program().json(&["backup"])["path"].clone();
    let backed_up = folder.join(backup.as_str().unwrap());
    caller.create_object("notes", &json!({ "n": 1 })).await;
    server.kill9();
    assert!(folder.join("data/gpt-object-store.db-wal").exists());
    let run = server
        .program()
        .run(&["restore", backup.as_str().unwrap(), "--overwrite"]);
    run.succeeded();
    let expected = rows::all(&format!("sqlite://{}", backed_up.display())).await;
    rows::assert_same(&expected, &rows::all(&url_in(&folder)).await);
}

#[tokio::test]
async fn the_server_makes_a_backup_a_day_and_deletes_what_is_old() {
    let program = Program::new().with("BACKUP_DIR", "backups");
    let backups = program.folder().join("backups");
    fs::create_dir(&backups).unwrap();
    for name in [
        "backup-2020-01-01-0230.db",
        "notes.txt",
        ".backup-x.partial",
    ] {
        fs::write(backups.join(name), "").unwrap();
    }
    let mut server = program.serve(&[]).await;
    server.logs("deleted an old backup").await;
    let names = |start: &str| {
        let mut names = file_names(&backups);
        names.retain(|name| name.starts_with(start));
        names
    };
    let made = names("backup-");
    assert_eq!(made.len(), 1, "{made:?}");
    assert!(*made[0] > *"backup-2026", "{made:?}");
    assert_eq!(names(".backup"), Vec::<String>::new());
    assert_eq!(names("notes"), ["notes.txt"]);
    let url = format!("sqlite://{}", backups.join(&made[0]).display());
    rows::all(&url).await;

    server.terminate(LIMIT).await;
    server.restart().await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(names("backup-"), made, "a second one is not due");
}

#[tokio::test]
async fn a_daily_backup_that_fails_deletes_nothing_and_is_told() {
    // Whoever wants to make a folder finds a file.
    let program = Program::new().with("BACKUP_DIR", "backups");
    let backups = program.folder().join("backups");
    fs::create_dir(&backups).unwrap();
    fs::write(backups.join("backup-2020-01-01-0230.db"), "").unwrap();
    fs::create_dir(backups.join(".lock")).unwrap();
    let server = program.serve(&[]).await;
    server.logs("there is no new backup").await;
    assert_eq!(file_names(&backups), [".lock", "backup-2020-01-01-0230.db"]);
}

#[test]
fn postgresql_is_left_to_its_own_programs() {
    let program = Program::on("postgres://nobody@127.0.0.1:1/none");
    let start = Instant::now();
    program.run(&["backup"]).failed_saying("ops/backup");
    program.run(&["restore", "x"]).failed_saying("ops/backup");
    assert!(start.elapsed() < LIMIT);
    let program = Program::new();
    program
        .run(&["backup"])
        .failed_saying("there is no file ./data/gpt-object-store.db");
}

fn url_in(folder: &Path) -> String {
    format!("sqlite://{}/data/gpt-object-store.db", folder.display())
}

fn file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let names = file_names(folder).into_iter();
    let unfinished = names.filter(|name| name.ends_with(".partial"));
    unfinished.map(PathBuf::from).collect()
}
