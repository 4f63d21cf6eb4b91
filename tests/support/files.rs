//! What a GPT does with files and uploads.

use reqwest::Method;
use serde_json::{Value, json};

use super::actor::Gpt;
use super::http::Call;

/// What stands between the parts of a form.
const BOUNDARY: &str = "a-boundary-of-tests";

impl Gpt {
    /// A text file, as a GPT sends it.
    pub fn create_file(&self, filename: &str, content: &str) -> Call {
        self.call(Method::POST, "/v1/files").json(json!({
            "filename": filename, "purpose": "user_data", "content": content,
        }))
    }

    /// A file as a form, with these text fields after it.
    pub fn post_file(&self, filename: &str, content: &[u8], fields: &[(&str, &str)]) -> Call {
        let mut form = part(&format!("name=\"file\"; filename=\"{filename}\""), content);
        for (name, text) in fields {
            form.extend(part(&format!("name=\"{name}\""), text.as_bytes()));
        }
        self.post_form("/v1/files", form)
    }

    pub fn list_files(&self) -> Call {
        self.call(Method::GET, "/v1/files")
    }

    pub fn get_file(&self, id: &str) -> Call {
        self.call(Method::GET, format!("/v1/files/{id}"))
    }

    pub fn delete_file(&self, id: &str) -> Call {
        self.call(Method::DELETE, format!("/v1/files/{id}"))
    }

    pub fn get_file_content(&self, id: &str) -> Call {
        self.call(Method::GET, format!("/v1/files/{id}/content"))
    }

    pub fn create_upload(&self, bytes: usize) -> Call {
        self.call(Method::POST, "/v1/uploads").json(json!({
            "filename": "a.bin", "purpose": "user_data", "bytes": bytes,
            "mime_type": "application/x-parts",
        }))
    }

    pub fn add_upload_part(&self, upload: &str, content: &[u8]) -> Call {
        let form = part("name=\"data\"; filename=\"part\"", content);
        self.post_form(&format!("/v1/uploads/{upload}/parts"), form)
    }

    pub fn complete_upload(&self, upload: &str, parts: &[String]) -> Call {
        self.call(Method::POST, format!("/v1/uploads/{upload}/complete"))
            .json(json!({ "part_ids": parts }))
    }

    pub fn cancel_upload(&self, upload: &str) -> Call {
        self.call(Method::POST, format!("/v1/uploads/{upload}/cancel"))
    }

    /// Stores a text file and gives its id.
    pub async fn has_file(&self, content: &str) -> String {
        let stored = self.create_file("a.txt", content).await;
        stored.expect(200).string("id")
    }

    /// Begins an upload and gives its id.
    pub async fn has_upload(&self, bytes: usize) -> String {
        self.create_upload(bytes).await.expect(200).string("id")
    }

    /// Adds parts to an upload, one after the other, and gives their ids.
    pub async fn has_parts(&self, upload: &str, contents: &[&str]) -> Vec<String> {
        let mut ids = Vec::with_capacity(contents.len());
        for content in contents {
            let added = self.add_upload_part(upload, content.as_bytes()).await;
            ids.push(added.expect(200).string("id"));
        }
        ids
    }

    /// The ids on a page of files.
    pub async fn file_ids(&self) -> Vec<String> {
        super::actor::ids(
            self.list_files().await.expect(200)["data"]
                .as_array()
                .unwrap(),
        )
    }

    fn post_form(&self, path: &str, mut form: Vec<u8>) -> Call {
        form.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        self.call(Method::POST, path)
            .header("content-type", content_type)
            .bytes(form)
    }
}

fn part(disposition: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

/// The path and query of an upload's `url`, for part `number`.
pub fn part_path(upload: &Value, number: u32) -> String {
    let url = upload["url"].as_str().expect("an open upload has a url");
    let path = &url[url.find("/v1/").unwrap()..];
    path.replace("{part_number}", &number.to_string())
}
