//! Buckets to test with: a folder, and the servers that `cargo xtask test` starts.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use crate::blob::{BlobError, Bucket, BucketKind, Key, MasterKeys, Segment, Vault};
use crate::ids::Tenant;

/// Where the servers are.
#[derive(Deserialize)]
struct Servers {
    s3: String,
    gcs: String,
    control: String,
}

static SERVERS: LazyLock<Servers> = LazyLock::new(|| {
    let addresses = std::env::var("TEST_BUCKETS").expect(
        "TEST_BUCKETS says where the bucket servers are: run the tests with `cargo xtask test`",
    );
    serde_json::from_str(&addresses).expect("TEST_BUCKETS is the line that bucket-server prints")
});

/// A bucket that this test has for itself.
pub(in crate::blob) struct Place {
    pub bucket: Bucket,
    /// Stands in the path of every request.
    prefix: String,
    folder: TempDir,
}

/// Runs `test` on a folder, on S3 and on Cloud Storage.
pub(in crate::blob) async fn on_all<F: Future<Output = ()>>(test: impl Fn(Place) -> F) {
    for kind in [BucketKind::File, BucketKind::S3, BucketKind::Gcs] {
        test(Place::new(kind)).await;
    }
}

/// Settings that lead to the servers.
pub(in crate::blob) fn settings() -> BTreeMap<String, String> {
    let account = json!({
        "gcs_base_url": SERVERS.gcs,
        "disable_oauth": true,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    });
    let settings = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test-secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT", &SERVERS.s3),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_PROFILE", "of another program"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", &account.to_string()),
    ];
    settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

impl Place {
    pub fn new(kind: BucketKind) -> Self {
        let prefix = format!("t{}", Uuid::now_v7().simple());
        let folder = TempDir::new().unwrap();
        let url = match kind {
            BucketKind::File => format!("file://{}/files", folder.path().display()),
            BucketKind::S3 => format!("s3://test/{prefix}"),
            BucketKind::Gcs => format!("gs://test/{prefix}"),
        };
        let bucket = Bucket::open(&url, &settings()).unwrap();
        assert_eq!(bucket.kind(), kind);
        Self {
            bucket,
            prefix,
            folder,
        }
    }

    /// The folder that a bucket of files lies in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The next `count` requests with `method` to this bucket are answered with 500.
    pub fn fail(&self, method: &str, count: u32) {
        self.plan(&json!({
            "status": 500,
            "count": count,
            "method": method,
            "path": self.prefix,
        }));
    }

    /// The next `count` answers with an object break off after about `length` bytes.
    pub fn cut(&self, length: u64, count: u32) {
        self.plan(&json!({
            "cut": length,
            "count": count,
            "method": "GET",
            "path": self.prefix,
        }));
    }

    fn plan(&self, fault: &serde_json::Value) {
        let url = format!("{}/_fail", SERVERS.control);
        ureq::post(&url).send(fault.to_string()).unwrap();
    }

    /// From now on this bucket serves again.
    pub fn recover(&self) {
        let url = format!("{}/_fail/{}", SERVERS.control, self.prefix);
        ureq::delete(&url).call().unwrap();
    }

    /// Writes an object, in pieces of an odd size.
    pub async fn write(&self, key: &Key, bytes: &Bytes) -> Result<(), BlobError> {
        let mut writer = self.bucket.writer(key);
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(70_001));
            writer.write(piece).await?;
        }
        writer.finish().await
    }

    /// Reads a range of an object.
    pub async fn read(&self, key: &Key, range: Range<u64>) -> Result<Vec<u8>, BlobError> {
        let (start, end) = (range.start, range.end);
        let reading = self.bucket.read_range(key, range).await?;
        let length = end.min(reading.size) - start;
        let (bytes, _) = reading
            .take(length as usize, |bytes| Ok(bytes.to_vec()))
            .await?;
        Ok(bytes)
    }

    /// The keys of all objects, in order.
    pub async fn keys(&self) -> Vec<String> {
        let listed = self.bucket.list(None);
        let found: Vec<_> = listed.try_collect().await.unwrap();
        let mut keys: Vec<_> = found.iter().map(|listed| listed.key.to_string()).collect();
        keys.sort_unstable();
        keys
    }

    /// Waits until no unfinished upload is left.
    pub async fn wait_until_nothing_is_unfinished(&self) {
        for _ in 0..100 {
            if self.unfinished() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "{} uploads are left on {:?}",
            self.unfinished(),
            self.bucket.kind()
        );
    }

    /// How many uploads were begun and neither finished nor aborted.
    pub fn unfinished(&self) -> usize {
        match self.bucket.kind() {
            BucketKind::File => files_below(self.folder()),
            BucketKind::S3 | BucketKind::Gcs => {
                let url = format!("{}/_uploads/{}", SERVERS.control, self.prefix);
                let mut answer = ureq::get(&url).call().unwrap();
                answer.body_mut().read_to_string().unwrap().parse().unwrap()
            }
        }
    }
}

/// A vault within a place, and the tenant that uses it.
pub(in crate::blob) struct Safe {
    pub place: Place,
    pub vault: Vault,
    pub tenant: Tenant,
}

impl Safe {
    pub fn new(place: Place) -> Self {
        let vault = Vault::new(place.bucket.clone(), keys(&[1]));
        let tenant = tenant("alice");
        Self {
            place,
            vault,
            tenant,
        }
    }

    /// Seals a blob, in pieces of an odd size.
    pub async fn seal(&self, bytes: &Bytes) -> Result<Segment, BlobError> {
        let blob = Uuid::now_v7();
        let mut writer = self.vault.seal(&self.tenant, blob).await?;
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(70_001));
            writer.write(piece).await?;
        }
        let sealed = writer.finish().await?;
        assert_eq!(sealed.bytes, bytes.len() as u64);
        let stored = self.place.bucket.size(&self.key(blob)).await?;
        assert_eq!(sealed.stored_bytes, stored);
        Ok(Segment {
            blob,
            bytes: sealed.bytes,
            sha256: sealed.sha256,
            wrapped: sealed.wrapped,
        })
    }

    /// Reads a range of a file of `segments`.
    pub async fn open(
        &self,
        segments: &[Segment],
        range: Range<u64>,
    ) -> Result<Vec<u8>, BlobError> {
        read_by(&self.vault, &self.tenant, segments, range).await
    }

    /// Reads a whole blob.
    pub async fn open_whole(&self, segment: &Segment) -> Result<Vec<u8>, BlobError> {
        self.open(std::slice::from_ref(segment), 0..segment.bytes)
            .await
    }

    /// What the bucket holds of a blob.
    pub async fn stored(&self, segment: &Segment) -> Vec<u8> {
        let key = self.key(segment.blob);
        let size = self.place.bucket.size(&key).await.unwrap();
        self.place.read(&key, 0..size).await.unwrap()
    }

    /// Puts `stored` in the place of a blob.
    pub async fn replace(&self, segment: &Segment, stored: Vec<u8>) {
        let key = self.key(segment.blob);
        self.place.write(&key, &stored.into()).await.unwrap();
    }

    pub fn key(&self, blob: Uuid) -> Key {
        Key::of_blob(&self.tenant, blob)
    }
}

/// Reads a range by another vault, or as another tenant.
pub(in crate::blob) async fn read_by(
    vault: &Vault,
    tenant: &Tenant,
    segments: &[Segment],
    range: Range<u64>,
) -> Result<Vec<u8>, BlobError> {
    let bytes = vault.open(tenant, segments, range).await?;
    let pieces: Vec<Bytes> = bytes.try_collect().await?;
    Ok(pieces.concat())
}

/// Master keys with these ids, the same for the same id.
pub(in crate::blob) fn keys(ids: &[u32]) -> MasterKeys {
    let key = |id: &u32| {
        let bytes = BASE64_STANDARD.encode([*id as u8; 32]);
        format!("{id}:base64:{bytes}")
    };
    let keys: Vec<String> = ids.iter().map(key).collect();
    keys.join(",").parse().unwrap()
}

pub(in crate::blob) fn tenant(name: &str) -> Tenant {
    Tenant::vouched(name.parse().unwrap())
}

/// A key for a test.
pub(in crate::blob) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// `length` bytes that repeat nowhere near.
pub(in crate::blob) fn noise(length: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// Files that wait to get their names.
fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => files_below(&entry.path()),
            false => usize::from(entry.file_name().to_string_lossy().contains('#')),
        })
        .sum()
}
