//! A page far from the beginning costs what the first page costs, and a whole walk sees every
//! object once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::super::{Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

const OBJECTS: usize = 100_000;
/// Times that each of the two pages is asked for.
const SAMPLES: usize = 40;
/// How much slower the deep page may be. The bar of 10% is for a release build on a quiet machine.
const TOLERANCE: f64 = 1.5;

on_each_database!(campaign_deep_page);

async fn campaign_deep_page(database: ScratchDatabase) {
    let server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    caller.create_collection("notes").await;
    preload(&database).await;

    let first = "notes/objects?limit=50".to_owned();
    let cursor = walk(&caller).await;
    let deep = format!("{first}&cursor={cursor}");
    let (mut shallow, mut far) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        shallow.push(time_of(&caller, &first).await);
        far.push(time_of(&caller, &deep).await);
    }
    let (shallow, far) = (median(shallow), median(far));
    let ratio = far.as_secs_f64() / shallow.as_secs_f64();
    println!("the first page takes {shallow:?}, one at the depth of {OBJECTS} {far:?}: {ratio:.2}");
    assert!(ratio < TOLERANCE, "{ratio:.2} times the first page");
}

/// Writes the objects past the server; their time is one second apart.
async fn preload(database: &ScratchDatabase) {
    let sql = match database {
        ScratchDatabase::Sqlite { .. } => format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {OBJECTS}),
             moments AS (SELECT n, strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + n, 'unixepoch') || '+00:00' AS at FROM numbers)
             INSERT INTO objects (gpt_id, id, collection, body, version, created_at, updated_at)
             SELECT 'alice', unhex(printf('%032x', n)), 'notes', '{{\"n\":' || n || '}}', 1, at, at FROM moments"
        ),
        ScratchDatabase::Postgres { .. } => format!(
            "INSERT INTO objects (gpt_id, id, collection, body, version, created_at, updated_at)
             SELECT 'alice', lpad(to_hex(n), 32, '0')::uuid, 'notes', jsonb_build_object('n', n), 1, at, at
             FROM generate_series(1, {OBJECTS}) n, LATERAL (SELECT to_timestamp(1700000000 + n) AS at) moment"
        ),
    };
    assert_eq!(database.execute(&sql).await, OBJECTS as u64);
    database.execute("ANALYZE").await;
}

/// Walks over all objects, newest first, and returns the cursor of the last page.
async fn walk(caller: &Caller) -> String {
    let start = Instant::now();
    let path = "notes/objects?limit=200&max_bytes=10000000";
    let mut seen = HashSet::with_capacity(OBJECTS);
    let mut expected = OBJECTS;
    let mut last = String::new();
    let mut page = caller.get(path).await;
    while let Some(cursor) = page.body["next_cursor"].as_str() {
        expected = take(&page.body["items"], expected, &mut seen);
        cursor.clone_into(&mut last);
        page = caller.get(&format!("{path}&cursor={last}")).await;
    }
    assert_eq!(take(&page.body["items"], expected, &mut seen), 0);
    assert_eq!(seen.len(), OBJECTS);
    println!("the walk over {OBJECTS} objects took {:?}", start.elapsed());
    last
}

/// Notes the objects of a page, which must go down from `expected`; returns what comes next.
fn take(items: &serde_json::Value, mut expected: usize, seen: &mut HashSet<String>) -> usize {
    for item in items.as_array().unwrap() {
        assert_eq!(item["body"]["n"], expected);
        assert!(seen.insert(item["id"].as_str().unwrap().to_owned()));
        expected -= 1;
    }
    expected
}

async fn time_of(caller: &Caller, path: &str) -> Duration {
    let start = Instant::now();
    let page = caller.get(path).await;
    let time = start.elapsed();
    assert_eq!(page.body["items"].as_array().unwrap().len(), 50);
    time
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
