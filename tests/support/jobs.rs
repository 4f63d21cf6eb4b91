//! Imports and exports, as a GPT sees them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::actor::Gpt;
use super::answer::Answer;
use super::http::Call;

/// Longer than any job of the suite may take.
const PATIENCE: Duration = Duration::from_secs(20);

impl Gpt {
    pub fn create_import(&self, file: &str) -> Call {
        let path = format!("/v1/gpts/{}/imports", self.id());
        self.call(Method::POST, path)
            .json(json!({ "file_id": file }))
    }

    /// An import whose lines are sent along.
    pub fn import_lines(&self, lines: impl Into<Vec<u8>>) -> Call {
        let path = format!("/v1/gpts/{}/imports", self.id());
        self.call(Method::POST, path)
            .header("content-type", "application/x-ndjson")
            .bytes(lines)
    }

    pub fn create_export(&self) -> Call {
        let path = format!("/v1/gpts/{}/exports", self.id());
        self.call(Method::POST, path).json(json!({}))
    }

    pub fn get_job(&self, id: &str) -> Call {
        self.call(Method::GET, format!("/v1/jobs/{id}"))
    }

    /// The job that `accepted` began, once it has ended.
    pub async fn ended(&self, accepted: Answer) -> Answer {
        let id = accepted.expect(202).string("id");
        self.until_ended(&id).await
    }

    /// The job with this id, once it has ended.
    pub async fn until_ended(&self, id: &str) -> Answer {
        let start = Instant::now();
        loop {
            let job = self.get_job(id).await.expect(200);
            if !job.json()["finished_at"].is_null() {
                return job;
            }
            assert!(start.elapsed() < PATIENCE, "{job}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What an export of everything wrote, line by line.
    pub async fn exported(&self) -> Vec<Value> {
        let job = self.ended(self.create_export().await).await;
        let file = job.string("file_id");
        let content = self.get_file_content(&file).await.expect(200);
        let lines = content.text().lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
