//! A disk that has no room: files are refused, nothing is left of them, and the rest goes on.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use super::super::file_calls::{FileFolder, KEY_1};
use super::super::{Answer, Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::Program;

/// No file of the server may become larger than this, in KiB.
const ROOM: u32 = 2048;

on_each_database!(campaign_full_disk);

async fn campaign_full_disk(database: ScratchDatabase) {
    let folder = FileFolder::new();
    let program = Program::on(database.url())
        .with("FILES_URL", &folder.url())
        .with("FILES_ENCRYPTION_KEY", KEY_1)
        .with_file_limit(ROOM);
    let server = program.serve(&[]).await;
    let caller = Caller::create(&server, "alice");
    let kept = caller.has_file("small enough").await;
    for _ in 0..3 {
        let answer = Answer::to(large(&caller)).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (503, &json!("unavailable"))
        );
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    folder.has(1).await;
    assert_eq!(caller.files().await.len(), 1);
    let content = caller.content(&kept).await.unwrap();
    assert_eq!(content, (200, b"small enough".to_vec()));
    caller.has_file("there is room for this").await;
    let other = caller.creation_of_a_note().await;
    assert_eq!(other, 201, "what needs no room for files goes on");
    assert!(!server.stderr().contains("panic"), "{}", server.stderr());
}

/// A file for which there is no room.
fn large(caller: &Caller) -> reqwest::RequestBuilder {
    let part = Part::bytes(vec![7; 2 * ROOM as usize * 1024]).file_name("large.bin");
    let form = Form::new().text("purpose", "user_data").part("file", part);
    caller.request(Method::POST, "/v1/files").multipart(form)
}

impl Caller {
    /// Creates a collection and an object in it; the status of the latter.
    async fn creation_of_a_note(&self) -> u16 {
        self.create_collection("notes").await;
        self.create_object("notes", &json!({ "n": 1 })).await.status
    }
}
