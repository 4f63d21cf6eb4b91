//! Namespaces of keys and values.

use std::collections::BTreeMap;
use std::fmt;

use super::Source;
use crate::ids::GptId;

/// Where namespaces of keys and values are kept, and who may read them.
#[derive(Clone)]
pub struct StorageConfig {
    /// `s3://bucket/prefix` or `gs://bucket/prefix`; `None`: the database.
    pub url: Option<String>,
    /// The settings of buckets, by their usual names (`AWS_…`, `GOOGLE_…`).
    pub bucket: BTreeMap<String, String>,
    /// The GPT whose namespaces callers without credentials may read.
    pub anonymous_gpt: Option<GptId>,
}

impl fmt::Debug for StorageConfig {
    /// Says nothing of the bucket's settings, which hold its credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageConfig")
            .field("url", &self.url)
            .field("anonymous_gpt", &self.anonymous_gpt)
            .finish_non_exhaustive()
    }
}

impl StorageConfig {
    pub(super) fn read(source: &mut Source) -> Self {
        let url: Option<String> = source.find("STORAGE_URL");
        let is_bucket = |url: &String| url.starts_with("s3://") || url.starts_with("gs://");
        if url.as_ref().is_some_and(|url| !is_bucket(url)) {
            let what = "must begin with s3:// or gs://; without it, namespaces are in the database";
            source.fault("STORAGE_URL", what);
        }
        Self {
            url,
            bucket: source.with_prefix(&["AWS_", "GOOGLE_"]),
            anonymous_gpt: source.find("STORAGE_ANONYMOUS_GPT"),
        }
    }
}
