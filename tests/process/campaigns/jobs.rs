//! Workers that are killed in the middle of imports, and a Redis that forgets: every job ends, and
//! every line counts once.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::super::file_calls::KEY_1;
use super::super::{Answer, Caller, Worker, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::database::Database;
use crate::support::process::ServerProcess;
use crate::support::redis::Redis;

const KILLS: u32 = 20;
const IMPORTS: usize = 4;
/// Lines of an import: enough that a worker is killed in the middle of it. PostgreSQL takes them
/// several times as quickly.
const LINES_ON_SQLITE: usize = 50_000;
const LINES_ON_POSTGRES: usize = 100_000;
/// An import of one object.
const LINE: &str = "{\"collection\":\"notes\",\"body\":{}}\n";
/// How long all jobs may take once nobody is killed any more.
const PATIENCE: Duration = Duration::from_secs(60);

on_each_database!(campaign_kill9_imports);

async fn campaign_kill9_imports(database: ScratchDatabase) {
    let settings = [
        ("FILES_ENCRYPTION_KEY", KEY_1),
        ("WORKER", "off"),
        ("WORKER_POLL_MILLISECONDS", "50"),
    ];
    let server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;
    let count = if database.url().starts_with("postgres") {
        LINES_ON_POSTGRES
    } else {
        LINES_ON_SQLITE
    };
    let mut imports = Vec::new();
    for number in 0..IMPORTS {
        imports.push(import(&caller, lines(number, count)).await);
    }
    let mut claims = Claims::open(&database).await;
    for round in 0..KILLS {
        claims.expire().await;
        let mut worker = Worker::beside(&server);
        claims.wait_for(&worker).await;
        // Another moment in each round.
        sleep(Duration::from_millis(20 + 10 * u64::from(round))).await;
        worker.kill();
        let cut_short = claims.of(&worker).await;
        assert!(!cut_short.is_empty(), "all was done before kill {round}");
    }
    claims.expire().await;
    let mut worker = Worker::beside(&server);
    for id in &imports {
        let job = ended(&caller, id).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        assert_eq!(job["progress"]["objects"], count, "{job}");
        assert_eq!(job["progress"]["failed_lines"], 0, "{job}");
    }
    worker.kill();
    let objects = database.execute("UPDATE objects SET version = version");
    assert_eq!(objects.await, (IMPORTS * count) as u64);
}

/// Which store is the truth shows when the other one loses everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_jobs_outlive_redis() {
    let database = ScratchDatabase::postgres().await;
    let mut redis = Redis::start();
    let (server, caller) = serve_with(&database, &redis).await;
    let mut imports = Vec::new();
    for _ in 0..5 {
        imports.push(import(&caller, LINE.to_owned()).await);
    }
    // It keeps nothing, so a start is an emptied one.
    redis.kill();
    for _ in 0..5 {
        imports.push(import(&caller, LINE.to_owned()).await);
    }
    let mut worker = Worker::beside(&server);
    sleep(Duration::from_millis(300)).await;
    redis.start_again();
    imports.push(import(&caller, LINE.to_owned()).await);
    for id in &imports {
        assert_eq!(ended(&caller, id).await["state"], "succeeded");
    }
    redis.kill();
    redis.start_again();
    let last = import(&caller, LINE.to_owned()).await;
    assert_eq!(ended(&caller, &last).await["state"], "succeeded");
    worker.kill();
    let objects = database.execute("UPDATE objects SET version = version");
    assert_eq!(objects.await, 12);
}

/// An emptied Redis has no stream and no group any more; who listened meets that as an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_jobs_outlive_what_redis_forgets() {
    let database = ScratchDatabase::postgres().await;
    let redis = Redis::start();
    let (server, caller) = serve_with(&database, &redis).await;
    let mut imports = Vec::new();
    // Acknowledged and waiting, with nobody who listens.
    for _ in 0..5 {
        imports.push(import(&caller, LINE.to_owned()).await);
    }
    redis.empty();
    let mut worker = Worker::beside(&server);
    // While it starts, listens, and works.
    for _ in 0..20 {
        imports.push(import(&caller, LINE.to_owned()).await);
        redis.empty();
        sleep(Duration::from_millis(40)).await;
    }
    for id in &imports {
        assert_eq!(ended(&caller, id).await["state"], "succeeded");
    }
    worker.kill();
    let objects = database.execute("UPDATE objects SET version = version");
    assert_eq!(objects.await, imports.len() as u64);
}

/// A server that is no worker, before a Redis, and a GPT of it.
async fn serve_with(database: &ScratchDatabase, redis: &Redis) -> (ServerProcess, Caller) {
    let url = redis.url();
    let settings = [
        ("FILES_ENCRYPTION_KEY", KEY_1),
        ("REDIS_URL", url.as_str()),
        ("WORKER", "off"),
    ];
    let server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;
    (server, caller)
}

/// Lines that no other import has.
fn lines(number: usize, count: usize) -> String {
    let line =
        |line: usize| json!({ "collection": "notes", "body": { "n": number, "line": line } });
    let lines = (0..count).map(|number| format!("{}\n", line(number)));
    lines.collect()
}

/// Begins an import and gives the id of its job.
async fn import(caller: &Caller, lines: String) -> String {
    let path = format!("/v1/gpts/{}/imports", caller.gpt());
    let request = caller.request(Method::POST, &path);
    let request = request.header("content-type", "application/x-ndjson");
    let answer = Answer::to(request.body(lines)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.id()
}

async fn job(caller: &Caller, id: &str) -> Value {
    let answer = caller.get(&format!("/v1/jobs/{id}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

pub async fn ended(caller: &Caller, id: &str) -> Value {
    let start = Instant::now();
    loop {
        let job = job(caller, id).await;
        if !job["finished_at"].is_null() {
            return job;
        }
        assert!(start.elapsed() < PATIENCE, "{job}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Who has which job, in the database's words.
pub struct Claims(Database);

impl Claims {
    pub async fn open(database: &ScratchDatabase) -> Self {
        Self(Database::open(database.url()).await)
    }

    /// The kinds of the jobs that the worker has, or had when it was killed.
    pub async fn of(&mut self, worker: &Worker) -> Vec<String> {
        let held = "SELECT kind FROM jobs WHERE state = 'running' AND locked_by LIKE $1";
        self.0.texts(held, &format!("{}-%", worker.id())).await
    }

    /// Waits until the worker has a job.
    pub async fn wait_for(&mut self, worker: &Worker) {
        let start = Instant::now();
        while self.of(worker).await.is_empty() {
            assert!(start.elapsed() < PATIENCE, "the worker claims nothing");
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until no job of these kinds waits for a worker.
    pub async fn wait_for_all_of(&mut self, kinds: &[&str]) {
        let queued = "SELECT kind FROM jobs WHERE state = 'queued' AND kind <> $1";
        self.wait_for_none(queued, |kind| kinds.contains(&kind))
            .await;
    }

    /// Waits until nobody has a job and none waits.
    pub async fn wait_for_their_end(&mut self) {
        let left = "SELECT kind FROM jobs WHERE state IN ('queued', 'running') AND kind <> $1";
        self.wait_for_none(left, |_| true).await;
    }

    async fn wait_for_none(&mut self, query: &'static str, counts: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let mut kinds = self.0.texts(query, "").await;
            kinds.retain(|kind| counts(kind));
            if kinds.is_empty() {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{kinds:?} are left");
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// The kinds of the dead letters.
    pub async fn dead(&mut self) -> Vec<String> {
        let dead = "SELECT kind FROM jobs WHERE state = 'failed' AND kind <> $1";
        self.0.texts(dead, "").await
    }

    /// Lets the time of what was left behind pass. What ends its workers again and again becomes a dead
    /// letter, which is another test's.
    pub async fn expire(&mut self) {
        let expire = "UPDATE jobs SET lease_until = '2020-01-01T00:00:00+00:00', max_attempts = 100 \
             WHERE state = 'running' AND kind <> $1";
        self.0.execute(expire, "").await;
    }
}
