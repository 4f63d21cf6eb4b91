//! Workers that are killed in the middle of every kind of job but imports, which have a campaign of
//! their own: whatever was cut short ends once in effect, and no bytes are left that nobody has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::super::file_calls::{FileFolder, KEY_1, KEY_2};
use super::super::{Answer, Caller, Worker, on_each_database};
use super::jobs::{Claims, ended};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

/// How often each kind is cut short, and how many kills that may take.
const TIMES: u32 = 20;
const MOST_KILLS: u32 = 100;
/// Rows that each round adds to what is to be forgotten: several batches.
const OVER: usize = 3000;
/// Rows that each round adds to what is to be kept.
const KEPT: usize = 10;
/// Files whose keys are wrapped anew.
const FILES: usize = 200;
/// Objects of an export, in batches of a hundred.
const OBJECTS: usize = 3000;
/// Files that each round adds and deletes: those of a GPT that stays, and of one that goes.
const DELETED_FILES: usize = 20;
/// How long bytes that a kill left behind may take to be found and removed.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the house does when its time has come.
const KINDS: [&str; 7] = [
    "sweep",
    "prune_calls",
    "prune_jobs",
    "prune_events",
    "rewrap_keys",
    "purge_files",
    "purge_orphans",
];
/// What is done because somebody asks for something.
const ASKED_FOR: [&str; 2] = ["export", "purge_gpt_files"];

on_each_database!(campaign_kill9_every_kind_of_job);

async fn campaign_kill9_every_kind_of_job(database: ScratchDatabase) {
    let mut shop = Shop::open(database).await;
    let mut cut_short = BTreeMap::<String, u32>::new();
    let mut exports = Vec::new();
    let is_enough = |cut_short: &BTreeMap<String, u32>| {
        let mut kinds = KINDS.iter().chain(&ASKED_FOR);
        kinds.all(|kind| cut_short.get(*kind).is_some_and(|times| *times >= TIMES))
    };
    let mut round = 0;
    while !is_enough(&cut_short) {
        assert!(round < MOST_KILLS, "{cut_short:?}");
        exports.push(shop.ask_for_export().await);
        shop.has_files_to_purge(round).await;
        shop.fill().await;
        let mut worker = Worker::beside(&shop.server);
        shop.claims.wait_for_all_of(&KINDS).await;
        // Another moment in each round, and often at once: some jobs take a few milliseconds.
        sleep(Duration::from_millis(u64::from(round % 4) * 12)).await;
        worker.kill();
        for kind in shop.claims.of(&worker).await {
            *cut_short.entry(kind).or_default() += 1;
        }
        round += 1;
    }
    println!("cut short by {round} kills: {cut_short:?}");
    shop.let_minutes_pass().await;
    let mut worker = Worker::beside(&shop.server);
    shop.claims.wait_for_their_end().await;
    shop.verify_rows(round).await;
    shop.verify_exports(&exports).await;
    shop.verify_purges().await;
    worker.kill();
}

/// A GPT with objects and files, and no worker.
struct Shop {
    database: ScratchDatabase,
    claims: Claims,
    server: ServerProcess,
    caller: Caller,
    folder: FileFolder,
}

impl Shop {
    async fn open(database: ScratchDatabase) -> Self {
        let folder = FileFolder::new();
        let first = serve(&database, &folder, KEY_1).await;
        let caller = Caller::create(&first, "alice");
        caller.create_collection("notes").await;
        let create = json!({ "op": "create", "body": { "text": "x".repeat(200) } });
        for _ in 0..OBJECTS / 100 {
            let batch = caller.request(Method::POST, "notes/objects/batch");
            let batch = batch.json(&json!({ "operations": vec![create.clone(); 100] }));
            assert_eq!(Answer::to(batch).await.status, 200);
        }
        create_files(&caller, FILES).await;
        drop(first);
        let keep = "CREATE TABLE blobs_before AS SELECT gpt_id, id, key_id, wrapped_key FROM blobs";
        database.execute(keep).await;
        let server = serve(&database, &folder, &format!("{KEY_2},{KEY_1}")).await;
        let shop = Self {
            claims: Claims::open(&database).await,
            caller: caller.at(&server),
            database,
            server,
            folder,
        };
        // Events are those of a webhook, which is off.
        shop.execute(
            "INSERT INTO webhooks (gpt_id, url, is_enabled, secret, failures, run_at, created_at, \
             updated_at) VALUES ('alice', '', false, {hash}, 0, {past}, {past}, {past})",
        )
        .await;
        shop
    }

    async fn ask_for_export(&self) -> String {
        let path = format!("/v1/gpts/{}/exports", self.caller.gpt());
        let request = self.caller.request(Method::POST, &path).json(&json!({}));
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.id()
    }

    /// Adds files and deletes them, and a GPT that is deleted with its files.
    async fn has_files_to_purge(&self, round: u32) {
        for file in create_files(&self.caller, DELETED_FILES).await {
            let deleted = Answer::to(self.caller.deletion(&file)).await;
            assert_eq!(deleted.status, 200, "{deleted:?}");
        }
        let gone = Caller::create(&self.server, &format!("gone-{round}"));
        create_files(&gone, DELETED_FILES).await;
        let delete = ["gpt", "delete", gone.gpt(), "--yes"];
        self.server.program().run(&delete).succeeded();
    }

    /// Adds rows whose time is over and some whose time is not, puts files back under the old master
    /// key, and asks for all that the house does.
    async fn fill(&mut self) {
        for (count, time, kind) in [(OVER, "{past}", "old"), (KEPT, "{future}", "kept")] {
            for insert in [
                "idempotency_keys (gpt_id, key_hash, fingerprint, answer, created_at, expires_at) \
                 SELECT 'alice', {hash}, {hash}, '', {past}, {time} FROM n",
                "audit_log (gpt_id, id, key_id, operation, method, path, request, status, \
                 milliseconds, request_id, client_address, created_at) SELECT 'alice', {id}, '', \
                 '{kind}', '', '', {json}, 200, 1.0, '', '', {time} FROM n",
                "jobs (gpt_id, id, kind, state, run_at, attempts, max_attempts, payload, progress, \
                 created_at, updated_at, finished_at) SELECT '', {id}, '{kind}', 'succeeded', \
                 {past}, 1, 1, {json}, {json}, {past}, {past}, {time} FROM n",
                "events (gpt_id, object_id, seq, change_id, kind, collection, version, created_at, \
                 updated_at, changed_at, state, attempts, run_at) SELECT 'alice', {id}, 1, {id}, \
                 'deleted', '{kind}', 1, {past}, {past}, {time}, 'delivered', 1, {past} FROM n",
            ] {
                let insert = insert.replace("{time}", time).replace("{kind}", kind);
                self.execute(&format!(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
                     INSERT INTO {insert}"
                ))
                .await;
            }
        }
        let wrap_back = "UPDATE blobs SET key_id = before.key_id, wrapped_key = before.wrapped_key \
             FROM blobs_before AS before WHERE blobs.gpt_id = before.gpt_id AND blobs.id = before.id";
        self.execute(wrap_back).await;
        for kind in KINDS {
            self.execute(&format!(
                "INSERT INTO jobs (gpt_id, id, kind, state, run_at, attempts, max_attempts, payload, \
                 progress, created_at, updated_at) SELECT '', {{id}}, '{kind}', 'queued', {{past}}, 0, \
                 100, {{json}}, {{json}}, {{past}}, {{past}} WHERE NOT EXISTS (SELECT 1 FROM jobs \
                 WHERE kind = '{kind}' AND state IN ('queued', 'running'))"
            ))
            .await;
        }
        self.let_minutes_pass().await;
    }

    /// Lets the minutes pass for which what was under way at a kill is left alone, jobs and blobs
    /// that were being removed, and those before a second look.
    async fn let_minutes_pass(&mut self) {
        self.claims.expire().await;
        let second_looks = "UPDATE jobs SET run_at = {past} WHERE kind = 'purge_orphans'";
        self.execute(second_looks).await;
        self.execute("UPDATE blobs SET next_attempt_at = {past} WHERE deleted_at IS NOT NULL")
            .await;
    }

    /// Runs a statement in the words of the database.
    async fn execute(&self, sql: &str) -> u64 {
        let words = match self.database {
            ScratchDatabase::Sqlite { .. } => [
                ("{id}", "randomblob(16)"),
                ("{hash}", "randomblob(32)"),
                ("{json}", "'{}'"),
                ("{past}", "'2020-01-01T00:00:00+00:00'"),
                ("{future}", "'2126-01-01T00:00:00+00:00'"),
            ],
            ScratchDatabase::Postgres { .. } => [
                ("{id}", "gen_random_uuid()"),
                ("{hash}", "sha256(gen_random_uuid()::text::bytea)"),
                ("{json}", "'{}'::jsonb"),
                ("{past}", "timestamptz '2020-01-01T00:00:00+00:00'"),
                ("{future}", "timestamptz '2126-01-01T00:00:00+00:00'"),
            ],
        };
        let sql = words
            .iter()
            .fold(sql.to_owned(), |sql, (word, own)| sql.replace(word, own));
        self.database.execute(&sql).await
    }

    /// What was over is gone, and nothing else is.
    async fn verify_rows(&mut self, rounds: u32) {
        assert!(self.claims.dead().await.is_empty());
        let kept = u64::from(rounds) * KEPT as u64;
        for (over, kept_too) in [
            (
                "DELETE FROM idempotency_keys WHERE expires_at = {past}",
                "DELETE FROM idempotency_keys WHERE expires_at = {future}",
            ),
            (
                "DELETE FROM audit_log WHERE operation = 'old'",
                "DELETE FROM audit_log WHERE operation = 'kept'",
            ),
            (
                "DELETE FROM jobs WHERE kind = 'old'",
                "DELETE FROM jobs WHERE kind = 'kept'",
            ),
            (
                "DELETE FROM events WHERE collection = 'old'",
                "DELETE FROM events WHERE collection = 'kept'",
            ),
        ] {
            assert_eq!(self.execute(over).await, 0, "{over}");
            assert_eq!(self.execute(kept_too).await, kept, "{kept_too}");
        }
        let old_key = "UPDATE blobs SET attempts = attempts WHERE key_id <> 2";
        assert_eq!(self.execute(old_key).await, 0);
    }

    /// Each export wrote one file with everything, and every file can be read.
    async fn verify_exports(&self, exports: &[String]) {
        let mut written = BTreeSet::new();
        for id in exports {
            let job = ended(&self.caller, id).await;
            assert_eq!(job["state"], "succeeded", "{job}");
            assert_eq!(job["progress"]["objects"], OBJECTS, "{job}");
            let file = job["file_id"].as_str().unwrap().to_owned();
            let (status, content) = self.caller.content(&file).await.unwrap();
            assert_eq!(status, 200);
            let lines: BTreeSet<_> = content.split(|byte| *byte == b'\n').collect();
            // The collection, the objects, and nothing behind the last end of a line.
            assert_eq!(lines.len(), OBJECTS + 2);
            written.insert(file);
        }
        assert_eq!(written.len(), exports.len());
        let files: Vec<Value> = self.caller.files().await;
        assert_eq!(files.len(), FILES + exports.len());
        let blobs = "UPDATE blobs SET attempts = attempts WHERE deleted_at IS NULL";
        assert_eq!(self.execute(blobs).await, files.len() as u64);
        let counted = format!(
            "UPDATE file_usage SET files = files WHERE files = {}",
            files.len()
        );
        assert_eq!(self.execute(&counted).await, 1);
        let first = files[0]["id"].as_str().unwrap();
        let (_, content) = self.caller.content(first).await.unwrap();
        assert_eq!(content, b"a file");
    }

    /// No bytes are left but those of files that are there, once the purge has come round.
    async fn verify_purges(&self) {
        let start = Instant::now();
        let deleted = "UPDATE blobs SET attempts = attempts WHERE deleted_at IS NOT NULL";
        loop {
            let deleted = self.execute(deleted).await;
            let rows = self.execute("UPDATE blobs SET attempts = attempts").await;
            let found = self.folder.objects().len() as u64;
            if deleted == 0 && found == rows {
                return;
            }
            let left = format!("{found} objects and {rows} rows, {deleted} of them deleted");
            assert!(start.elapsed() < PATIENCE, "{left}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn create_files(caller: &Caller, count: usize) -> Vec<String> {
    let files = stream::iter(0..count).map(|_| caller.has_file("a file"));
    files.buffer_unordered(8).collect().await
}

async fn serve(database: &ScratchDatabase, folder: &FileFolder, keys: &str) -> ServerProcess {
    let url = folder.url();
    let settings = [
        ("FILES_URL", url.as_str()),
        ("FILES_ENCRYPTION_KEY", keys),
        ("WORKER", "off"),
        // All kinds at once: what a kill left behind comes before what nobody has begun.
        ("WORKER_CONCURRENCY", "16"),
        ("WORKER_POLL_MILLISECONDS", "50"),
        ("FILES_SWEEP_SECONDS", "2"),
        ("FILES_ORPHAN_SECONDS", "4"),
    ];
    ServerProcess::start(database.url(), &settings).await
}
