//! The sidecar's own scripts against a PostgreSQL that is written to, and restored into another.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::block_in_place;

use super::super::Caller;
use super::Writers;
use crate::support::cluster::ScratchDatabase;
use crate::support::process::{Program, Run, ServerProcess};
use crate::support::rows;

const LIMIT: Duration = Duration::from_secs(10);

/// The scripts in a folder of their own, as in the container. Programs of `bin` are found first.
pub struct Sidecar {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Sidecar {
    /// Of the database at `url`, which a file names.
    pub fn on(url: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let secret = folder.path().join("database-url");
        fs::write(&secret, format!("{url}\n")).unwrap();
        for name in ["backups", "bin"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let sidecar = Self {
            folder,
            settings: Vec::new(),
        };
        sidecar.with("DATABASE_URL_FILE", secret.to_str().unwrap())
    }

    /// The same with one more setting.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A program that its scripts run in place of the real one, as a script whose `$real` that is.
    pub fn replace(&self, program: &str, script: &str) {
        let path = self.folder.path().join("bin").join(program);
        let real = format!("{}/{program}", required("TEST_POSTGRES_BIN"));
        fs::write(&path, format!("#!/bin/sh\nreal={real}\n{script}\n")).unwrap();
        let executable = Command::new("chmod").arg("+x").arg(&path).status();
        assert!(executable.unwrap().success());
    }

    /// A script with its arguments, not started.
    pub fn command(&self, script: &str, arguments: &[&str]) -> Command {
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/ops/backup");
        let path = format!(
            "{}/bin:{}:{}",
            self.folder.path().display(),
            required("TEST_POSTGRES_BIN"),
            required("PATH")
        );
        let mut command = Command::new(format!("{scripts}/{script}"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("TZ", "UTC")
            .env("BACKUP_DIR", self.backups())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a script to its end.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Run {
        let output = self.command(script, arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a script that must fail with a sentence that says `what`.
    pub fn fails(&self, script: &str, arguments: &[&str], what: &str) {
        let run = self.run(script, arguments);
        assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains(what), "{}", run.stderr);
    }

    pub fn backups(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    /// The names in the folder of backups, but for the lock.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.backups()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != ".lock").collect();
        names.sort_unstable();
        names
    }

    /// Makes a backup and gives its path.
    pub fn backup(&self) -> PathBuf {
        let run = self.run("backup", &[]);
        let made = run.succeeded().stdout.lines().next().unwrap();
        let name = made.strip_prefix("backup: made ").unwrap();
        self.backups().join(name.split(',').next().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_under_load_restores_to_what_was_at_one_moment() {
    let database = ScratchDatabase::postgres().await;
    let mut server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    let sidecar = Sidecar::on(database.url());

    let writers = Writers::start(&caller).await;
    let before = writers.acknowledged(100).await;
    let dump = block_in_place(|| sidecar.backup());
    let after = writers.finish().await;
    assert!(after.len() > before.len(), "the dump met no load");
    let fresh = ScratchDatabase::postgres().await;
    let into_fresh = Sidecar::on(fresh.url());
    into_fresh
        .run("restore", &[dump.to_str().unwrap()])
        .succeeded();
    let part = rows::all(fresh.url()).await;
    rows::assert_part(&part, &rows::all(database.url()).await, &["api_keys"]);
    let objects = part["objects"].concat();
    assert!(before.iter().all(|id| objects.contains(id)));

    server.terminate(LIMIT).await;
    fs::remove_file(dump).unwrap();
    let dump = sidecar.backup();
    let dump = dump.to_str().unwrap();
    into_fresh.fails("restore", &[dump], "the database is not empty");
    into_fresh
        .run("restore", &["--overwrite", dump])
        .succeeded();
    let all = rows::all(database.url()).await;
    rows::assert_same(&all, &rows::all(fresh.url()).await);
    let restored = Program::on(fresh.url()).serve(&[]).await;
    assert_eq!(caller.at(&restored).walk("notes").await.len(), after.len());
    into_fresh.fails("restore", &["--overwrite", dump], "servers are connected");
}

#[tokio::test]
async fn a_dump_that_is_cut_anywhere_is_neither_kept_nor_restored() {
    let database = migrated().await;
    let sidecar = Sidecar::on(database.url());
    let dump = sidecar.backup();
    let whole = fs::read(&dump).unwrap();
    let before = rows::all(database.url()).await;
    let cut = sidecar.backups().join("cut.dump");
    for length in [0, 10, whole.len() / 2, whole.len() - 100, whole.len() - 1] {
        fs::write(&cut, &whole[..length]).unwrap();
        sidecar.fails("restore", &["--overwrite", "cut.dump"], "damaged");
    }
    rows::assert_same(&before, &rows::all(database.url()).await);
    fs::remove_file(cut).unwrap();
    fs::rename(&dump, sidecar.backups().join("backup-2020-01-01-0230.dump")).unwrap();
    let truncates = r#"
        for argument; do case $argument in --file=*) file=${argument#--file=} ;; esac; done
        "$real" "$@" && truncate -s -1 "$file""#;
    sidecar.replace("pg_dump", truncates);
    sidecar.fails("backup", &[], "the dump is not whole");
    assert_eq!(sidecar.names(), ["backup-2020-01-01-0230.dump"]);
}

#[tokio::test]
async fn a_pg_dump_that_fails_replaces_and_deletes_nothing() {
    let database = migrated().await;
    let sidecar = Sidecar::on(database.url());
    let old = sidecar.backups().join("backup-2020-01-01-0230.dump");
    fs::write(&old, "the last good one").unwrap();
    for script in [
        r#""$real" "$@"; exit 1"#,
        "exit 1",
        r#""$real" --schema=none "$@""#,
    ] {
        sidecar.replace("pg_dump", script);
        assert_ne!(sidecar.run("backup", &[]).code, Some(0), "{script}");
        assert_eq!(sidecar.names(), ["backup-2020-01-01-0230.dump"]);
    }
    // A database that was made anew has nothing to keep, and is no reason to delete what was.
    let empty = ScratchDatabase::postgres().await;
    let elsewhere = Sidecar::on(empty.url());
    elsewhere.fails("backup", &[], "the dump is not whole");
    assert_eq!(elsewhere.names(), Vec::<String>::new());
    assert_eq!(fs::read(old).unwrap(), b"the last good one");
}

#[tokio::test]
async fn what_a_killed_backup_left_goes_with_the_next() {
    let database = migrated().await;
    let sidecar = Sidecar::on(database.url());
    let started = sidecar.backups().join("started");
    let hangs = format!(
        "\"$real\" \"$@\"; : >{}; exec sleep 60 9>&-",
        started.display()
    );
    sidecar.replace("pg_dump", &hangs);
    let mut backup = sidecar.command("backup", &[]);
    backup.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = backup.spawn().unwrap();
    wait_for(&started);
    sidecar.fails("backup", &[], "another backup is under way");
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(started).unwrap();
    assert!(sidecar.names()[0].ends_with(".partial"));
    sidecar.replace("pg_dump", r#"exec "$real" "$@""#);
    let made = sidecar.backup();
    let made = made.file_name().unwrap().to_str().unwrap();
    assert_eq!(sidecar.names(), [made]);
}

fn wait_for(path: &Path) {
    for _ in 0..2_000 {
        if path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} did not come", path.display());
}

/// A database with the schema and nothing else.
pub async fn migrated() -> ScratchDatabase {
    let database = ScratchDatabase::postgres().await;
    let program = Program::on(database.url());
    program.run(&["gpt", "create", "alice"]).succeeded();
    database
}

fn required(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo xtask test`"))
}
