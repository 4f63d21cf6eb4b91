//! A bucket that answers 500, then works: failures meanwhile that say so, and nothing lost or left.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use super::super::file_calls::KEY_1;
use super::super::{Answer, Caller};
use crate::support::cluster::ScratchDatabase;
use crate::support::http;
use crate::support::process::ServerProcess;

/// Longest that a request may wait while the bucket fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the bucket servers are.
#[derive(Deserialize)]
struct Servers {
    s3: String,
    gcs: String,
    control: String,
}

impl Servers {
    fn find() -> Self {
        let addresses = std::env::var("TEST_BUCKETS").expect("`cargo xtask test` sets it");
        serde_json::from_str(&addresses).unwrap()
    }

    /// A server on PostgreSQL whose files lie at `url`.
    async fn store_at(&self, url: &str, database: &ScratchDatabase) -> ServerProcess {
        let account = json!({
            "gcs_base_url": self.gcs, "disable_oauth": true, "client_email": "",
            "private_key": "", "private_key_id": "",
        });
        let settings = [
            ("FILES_URL", url),
            ("FILES_ENCRYPTION_KEY", KEY_1),
            ("FILES_SWEEP_SECONDS", "1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test-secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT", &self.s3),
            ("AWS_ALLOW_HTTP", "true"),
            ("GOOGLE_SERVICE_ACCOUNT_KEY", &account.to_string()),
        ];
        ServerProcess::start(database.url(), &settings).await
    }

    async fn fail(&self, prefix: &str) {
        let fault = json!({ "status": 500, "count": 100_000, "path": prefix });
        let request = http::client().post(format!("{}/_fail", self.control));
        assert!(
            request
                .json(&fault)
                .send()
                .await
                .unwrap()
                .status()
                .is_success()
        );
    }

    async fn recover(&self, prefix: &str) {
        let request = http::client().delete(format!("{}/_fail/{prefix}", self.control));
        assert!(request.send().await.unwrap().status().is_success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_s3_outage() {
    outage("s3").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_gcs_outage() {
    outage("gs").await;
}

async fn outage(scheme: &str) {
    let database = ScratchDatabase::postgres().await;
    let servers = Servers::find();
    let prefix = format!("outage-{:016x}", getrandom::u64().unwrap());
    let url = format!("{scheme}://test/{prefix}");
    let server = servers.store_at(&url, &database).await;
    let caller = Caller::create(&server, "alice");
    let text = "0123456789".repeat(700_000);
    let kept = stored_by_parts(&caller, &text).await;
    let small = caller.has_file("small").await;

    servers.fail(&prefix).await;
    let start = Instant::now();
    let create = Answer::to(caller.file("not now")).await;
    assert_eq!(create.status, 503, "{create:?}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert_eq!(caller.content(&small).await.unwrap().0, 503);
    // Deleting needs no bucket: it is hidden at once.
    assert_eq!(Answer::to(caller.deletion(&small)).await.status, 200);
    assert_eq!(caller.status().await, 200);

    servers.recover(&prefix).await;
    assert_eq!(caller.content(&kept).await.unwrap().1, text.as_bytes());
    let id = caller.has_file("now").await;
    assert_eq!(caller.content(&id).await.unwrap().1, b"now");
    assert_eq!(caller.files().await.len(), 2);
    let start = Instant::now();
    while database
        .execute("UPDATE blobs SET attempts = attempts")
        .await
        != 4
    {
        assert!(start.elapsed() < 3 * PATIENCE, "{}", server.stderr());
        sleep(Duration::from_millis(200)).await;
    }
    server.logs("the bucket is unavailable").await;
}

/// A file of 7 MB from three parts, one of which is large enough for several requests.
async fn stored_by_parts(caller: &Caller, text: &str) -> String {
    let upload = Answer::to(caller.upload(text.len())).await.id();
    let mut parts = Vec::new();
    for part in [&text[..10], &text[10..6_000_000], &text[6_000_000..]] {
        let part = Answer::to(caller.part(&upload, part)).await;
        assert_eq!(part.status, 200, "{part:?}");
        parts.push(part.id());
    }
    let completed = Answer::to(caller.completion(&upload, &parts)).await;
    assert_eq!(completed.status, 200, "{completed:?}");
    completed.body["file"]["id"].as_str().unwrap().to_owned()
}
