//! Rate limits as callers meet them.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Caller, on_each_database};
use crate::support::actor::Gpt;
use crate::support::answer::Answer;
use crate::support::cluster::ScratchDatabase;
use crate::support::http::Http;
use crate::support::process::ServerProcess;
use crate::support::{redis, snapshot};

async fn server(database: &ScratchDatabase, limits: &str) -> ServerProcess {
    ServerProcess::start(database.url(), &[("RATE_LIMITS", limits)]).await
}

/// The GPT `alice` with a key that `key create` makes with `arguments`.
fn alice(server: &ServerProcess, arguments: &[&str]) -> Gpt {
    // Only the first of several keys needs the GPT to be made.
    server.program().run(&["gpt", "create", "alice"]);
    let arguments = [&["key", "create", "alice"], arguments].concat();
    let issued = server.program().json(&arguments);
    Gpt::new(
        Http::new(server.url("")),
        "alice",
        issued["key"].as_str().unwrap(),
    )
}

fn rate(answer: &Answer) -> [String; 2] {
    ["ratelimit", "ratelimit-policy"].map(|name| answer.header(name).unwrap_or_default())
}

on_each_database!(a_key_over_its_limit_is_told_when_to_come_back);

async fn a_key_over_its_limit_is_told_when_to_come_back(database: ScratchDatabase) {
    let server = server(&database, "key:2/10m").await;
    let gpt = alice(&server, &[]);
    let first = gpt.get_limits().await.expect(200);
    assert_eq!(rate(&first), [r#""key";r=1;t=300"#, r#""key";q=2;w=600"#]);
    gpt.get_limits().await.expect(200);
    let denied = gpt
        .get_limits()
        .await
        .expect(429)
        .problem("too-many-requests");
    assert_eq!(rate(&denied), [r#""key";r=0;t=300"#, r#""key";q=2;w=600"#]);
    assert_eq!(denied.header("retry-after").as_deref(), Some("300"));
    snapshot::assert_problem("too_many_requests", &denied);

    // Another key has a bucket of its own; nothing was lost for a bad request either.
    let other = alice(&server, &["--rate-limits", "key:1/2s"]);
    other.get_limits().await.expect(200);
    let denied = other.get_limits().await.expect(429);
    sleep(Duration::from_secs(
        denied.number("retry_after").unsigned_abs(),
    ))
    .await;
    other.get_limits().await.expect(200);
}

on_each_database!(writes_have_a_limit_of_their_own);

async fn writes_have_a_limit_of_their_own(database: ScratchDatabase) {
    let server = server(&database, "key:100/h,write:2/h").await;
    let gpt = alice(&server, &[]);
    gpt.upsert_collection("notes").await.expect(201);
    let id = gpt.has_object("notes", json!({})).await;
    let denied = gpt.delete_object(&id).await.expect(429);
    assert_eq!(denied["rate_limit"]["name"], "write");
    assert_eq!(denied["rate_limit"]["limit"], 2);
    let read = gpt.get_object(&id).await.expect(200);
    assert_eq!(rate(&read)[0], r#""key";r=97;t=36"#);
    assert_eq!(gpt.get_limits().await["rate_limits"], "key:100/h,write:2/h");
    gpt.call(Method::HEAD, format!("/v1/objects/{id}"))
        .await
        .expect(200);

    let trusted = alice(&server, &["--rate-limits", "write:3/h"]);
    assert_eq!(
        trusted.get_limits().await["rate_limits"],
        "key:100/h,write:3/h"
    );
    for name in ["a", "b", "c"] {
        trusted.upsert_collection(name).await.expect(201);
    }
    trusted.upsert_collection("d").await.expect(429);
    let free = alice(&server, &["--rate-limits", "off"]);
    for name in ["d", "e", "f", "g"] {
        free.upsert_collection(name).await.expect(201);
    }
    assert_eq!(free.get_limits().await["rate_limits"], "off");
    key_list_shows_them(&server);
}

fn key_list_shows_them(server: &ServerProcess) {
    let program = server.program();
    let keys = program.json_lines(&["key", "list", "alice"]);
    let limits: Vec<_> = keys.iter().map(|key| key["rate_limits"].clone()).collect();
    assert_eq!(limits, [Value::Null, json!("write:3/h"), json!("off")]);
    let rotated = program.json(&["key", "rotate", keys[1]["id"].as_str().unwrap()]);
    assert_eq!(rotated["rate_limits"], "write:3/h");
    let refused = program.run(&["key", "create", "alice", "--rate-limits", "ip:1/m"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}

on_each_database!(an_address_is_limited_before_its_key_is_looked_at);

async fn an_address_is_limited_before_its_key_is_looked_at(database: ScratchDatabase) {
    let server = server(&database, "ip:3/h").await;
    let gpt = alice(&server, &[]);
    let stranger = Http::new(server.url(""));
    let spoofed = |number: u8| {
        let call = stranger.call(Method::GET, "/v1/limits");
        call.header("x-forwarded-for", format!("198.51.100.{number}"))
    };
    for number in 0..3 {
        let refused = spoofed(number).await.expect(401);
        assert_eq!(rate(&refused)[1], r#""ip";q=3;w=3600"#);
    }
    let denied = spoofed(3).await.expect(429);
    assert_eq!(denied["rate_limit"]["name"], "ip");
    gpt.get_limits().await.expect(429);
    for _ in 0..5 {
        stranger.call(Method::GET, "/health").await.expect(200);
    }
    let preflight = stranger.call(Method::OPTIONS, "/v1/limits");
    let preflight = preflight.header("origin", "https://a.example");
    preflight
        .header("access-control-request-method", "GET")
        .await
        .expect(204);
    let page = gpt.get_limits().header("origin", "https://a.example").await;
    let exposed = page.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("RateLimit, RateLimit-Policy"), "{exposed}");
}

#[tokio::test]
async fn only_trusted_proxies_are_asked_whom_a_request_comes_from() {
    let database = ScratchDatabase::sqlite();
    let settings = [
        ("RATE_LIMITS", "ip:1/h"),
        ("TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8"),
    ];
    let server = ServerProcess::start(database.url(), &settings).await;
    let behind = |chain: &str| {
        let call = Http::new(server.url("")).call(Method::GET, "/v1/limits");
        call.header("x-forwarded-for", chain)
    };
    behind("198.51.100.1").await.expect(401);
    behind("198.51.100.2").await.expect(401);
    behind("198.51.100.1, 10.1.2.3").await.expect(429);
    // What a client writes itself stands left of what the proxy saw.
    behind("203.0.113.9, 198.51.100.1").await.expect(429);
    behind("2001:db8:0:1::1").await.expect(401);
    behind("2001:db8:0:1:ffff::9").await.expect(429);
}

on_each_database!(who_guesses_keys_is_slowed_and_others_are_not);

async fn who_guesses_keys_is_slowed_and_others_are_not(database: ScratchDatabase) {
    let server = server(&database, "ip:1000/h").await;
    let gpt = alice(&server, &[]);
    let guesser = gpt.with_key("gos_nonsense");
    for _ in 0..10 {
        guesser.get_limits().await.expect(401);
    }
    let mut waits = Vec::new();
    for _ in 0..4 {
        let denied = guesser.get_limits().await.expect(429);
        assert_eq!(denied["rate_limit"]["name"], "failed-authentication");
        waits.push(denied.number("retry_after"));
    }
    assert!(
        waits[0] <= 6 && waits.is_sorted() && waits[3] > 30,
        "{waits:?}"
    );
    gpt.get_limits().await.expect(200);
    let nobody = Http::new(server.url("")).call(Method::GET, "/v1/limits");
    nobody.await.expect(401);
}

#[tokio::test]
async fn decisions_are_logged_with_key_address_and_route() {
    let database = ScratchDatabase::sqlite();
    let settings = [("RATE_LIMITS", "key:1/h"), ("LOG", "debug")];
    let mut server = ServerProcess::start(database.url(), &settings).await;
    let gpt = alice(&server, &[]);
    gpt.get_limits().await.expect(200);
    gpt.list_collections().await.expect(429);
    server.terminate(Duration::from_secs(5)).await;
    let keys = server.program().json_lines(&["key", "list", "alice"]);
    let log = server.stderr();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let decisions: Vec<_> = lines
        .filter(|line| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("rate limit"))
        })
        .map(|line| {
            assert_eq!(line["key_id"], keys[0]["id"]);
            assert_eq!(line["ip"], "127.0.0.1");
            [&line["level"], &line["bucket"], &line["route"]]
                .map(|value| value.as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(
        decisions,
        [
            ["DEBUG", "key", "get_limits"],
            ["INFO", "key", "list_collections"]
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_their_limits_in_redis() {
    let database = ScratchDatabase::postgres().await;
    let redis_url = redis::shared_url();
    let settings = [
        ("RATE_LIMITS", "key:20/h"),
        ("REDIS_URL", redis_url.as_str()),
    ];
    let replicas = [
        ServerProcess::start(database.url(), &settings).await,
        ServerProcess::start(database.url(), &settings).await,
    ];
    let caller = Caller::create(&replicas[0], "alice");
    let callers = replicas.each_ref().map(|replica| caller.at(replica));
    let calls = (0..50).map(|number| callers[number % 2].status());
    let statuses = join_all(calls).await;
    let admitted = statuses.iter().filter(|status| **status == 200).count();
    let denied = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((admitted, denied), (20, 30), "{statuses:?}");
}
