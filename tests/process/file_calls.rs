//! What a GPT does with files at a server process, and the folder where their bytes lie.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use super::{Answer, Caller};

/// How long a purge may take that is asked for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two master keys, the second one's id first.
pub const KEY_1: &str = "1:base64:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
pub const KEY_2: &str = "2:base64:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

impl Caller {
    /// The request that stores a text.
    pub fn file(&self, content: &str) -> RequestBuilder {
        let file = json!({ "filename": "a.txt", "purpose": "user_data", "content": content });
        self.request(Method::POST, "/v1/files").json(&file)
    }

    /// Stores a text and gives the file's id.
    pub async fn has_file(&self, content: &str) -> String {
        let answer = Answer::to(self.file(content)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.id()
    }

    /// The request that begins an upload.
    pub fn upload(&self, bytes: usize) -> RequestBuilder {
        self.request(Method::POST, "/v1/uploads").json(&json!({
            "filename": "a.bin", "purpose": "user_data", "bytes": bytes,
            "mime_type": "text/plain",
        }))
    }

    /// The request that adds a part.
    pub fn part(&self, upload: &str, content: &str) -> RequestBuilder {
        let part = Part::text(content.to_owned()).file_name("part");
        self.request(Method::POST, &format!("/v1/uploads/{upload}/parts"))
            .multipart(Form::new().part("data", part))
    }

    /// The request that makes a file of parts.
    pub fn completion(&self, upload: &str, parts: &[String]) -> RequestBuilder {
        self.request(Method::POST, &format!("/v1/uploads/{upload}/complete"))
            .json(&json!({ "part_ids": parts }))
    }

    /// The request that deletes a file.
    pub fn deletion(&self, id: &str) -> RequestBuilder {
        self.request(Method::DELETE, &format!("/v1/files/{id}"))
    }

    /// Status and content of a file; `None` when the connection broke off.
    pub async fn content(&self, id: &str) -> Option<(u16, Vec<u8>)> {
        let request = self.request(Method::GET, &format!("/v1/files/{id}/content"));
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.bytes().await.ok()?.to_vec()))
    }

    /// Every file, page by page, oldest first.
    pub async fn files(&self) -> Vec<Value> {
        let mut files = Vec::new();
        let first = "/v1/files?order=asc".to_owned();
        let mut path = first.clone();
        loop {
            let mut page = self.get(&path).await;
            assert_eq!(page.status, 200, "{page:?}");
            let Value::Array(data) = page.body["data"].take() else {
                panic!("a page without data: {page:?}");
            };
            files.extend(data);
            if page.body["has_more"] == false {
                return files;
            }
            path = format!("{first}&after={}", page.body["last_id"].as_str().unwrap());
        }
    }
}

/// A folder of its own for the bytes of files.
pub struct FileFolder(TempDir);

impl FileFolder {
    pub fn new() -> Self {
        Self(
            tempfile::Builder::new()
                .prefix("gos-files-")
                .tempdir()
                .unwrap(),
        )
    }

    /// As `FILES_URL` has it.
    pub fn url(&self) -> String {
        format!("file://{}", self.0.path().display())
    }

    /// Everything that lies there, drafts too.
    pub fn objects(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect(self.0.path(), &mut found);
        found
    }

    /// Waits until so many objects lie there.
    pub async fn has(&self, count: usize) {
        let start = Instant::now();
        while self.objects().len() != count {
            let found = self.objects().len();
            assert!(start.elapsed() < PATIENCE, "{found} objects, not {count}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A file that is renamed or removed meanwhile is passed over.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), found),
            Ok(_) => found.push(entry.path()),
            Err(_) => {}
        }
    }
}
