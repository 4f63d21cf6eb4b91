//! The XML of requests and answers.

use quick_xml::escape::escape;
use serde::{Deserialize, Serialize};

use super::objects::Page;

/// The numbers and entity tags of the parts in a request to complete an upload.
pub fn parts(body: &[u8]) -> Option<Vec<(usize, String)>> {
    #[derive(Deserialize)]
    struct Complete {
        #[serde(rename = "Part", default)]
        parts: Vec<Part>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Part {
        part_number: usize,
        #[serde(rename = "ETag")]
        tag: String,
    }
    let complete: Complete = quick_xml::de::from_reader(body).ok()?;
    let parts = complete.parts.into_iter();
    Some(parts.map(|part| (part.part_number, part.tag)).collect())
}

/// The answer to the beginning of an upload.
pub fn upload_begun(id: &str) -> String {
    format!(
        "<InitiateMultipartUploadResult><UploadId>{}</UploadId></InitiateMultipartUploadResult>",
        escape(id)
    )
}

/// The answer to the completion of an upload.
pub fn upload_completed(tag: &str) -> String {
    format!(
        "<CompleteMultipartUploadResult><ETag>{}</ETag></CompleteMultipartUploadResult>",
        escape(tag)
    )
}

/// A page of a list.
pub fn page(page: &Page) -> String {
    #[derive(Serialize)]
    #[serde(rename = "ListBucketResult", rename_all = "PascalCase")]
    struct List<'a> {
        contents: Vec<Contents<'a>>,
        is_truncated: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_continuation_token: Option<&'a str>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Contents<'a> {
        key: &'a str,
        size: u64,
        last_modified: String,
        #[serde(rename = "ETag")]
        tag: &'a str,
    }
    let contents = page.objects.iter().map(|(key, object)| Contents {
        key,
        size: object.size,
        last_modified: object.modified.to_rfc3339(),
        tag: &object.tag,
    });
    let list = List {
        contents: contents.collect(),
        is_truncated: page.next.is_some(),
        next_continuation_token: page.next.as_deref(),
    };
    // Texts and numbers can always be written.
    quick_xml::se::to_string(&list).unwrap_or_default()
}
