//! A bucket of S3 or Cloud Storage, or a folder, opened by its URL.

mod address;
mod conditional;
mod reader;
mod unfinished;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use self::address::Address;
pub use self::conditional::{Revision, Stored, Swap};
pub use self::reader::Reading;
pub use self::writer::BucketWriter;
use super::error::BlobError;
use super::key::Key;
use crate::clock::Timestamp;

/// A name that no key has.
const PING: &str = ".ping";

/// Where bytes lie. Cloning it is cheap, and its clones share connections.
#[derive(Clone, Debug)]
pub struct Bucket {
    kind: BucketKind,
    store: Arc<PrefixStore<Box<dyn ObjectStore>>>,
    /// Where a bucket of files lies.
    folder: Option<PathBuf>,
}

/// What a [`Bucket`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketKind {
    /// A folder of this machine. It has no conditional objects.
    File,
    /// A bucket that speaks Amazon's S3.
    S3,
    /// A bucket of Google Cloud Storage.
    Gcs,
}

/// An object that a list found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it lies.
    pub key: Key,
    /// Its length in bytes, as stored.
    pub bytes: u64,
    /// When it was last written, by the bucket's clock.
    pub modified: Timestamp,
}

impl Bucket {
    /// The bucket at `url`: `file:///absolute/path`, `file://./relative/path`,
    /// `s3://bucket/prefix` or `gs://bucket/prefix`.
    ///
    /// `settings` are environment variables by their names; those that begin with `AWS_` serve S3
    /// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`,
    /// `AWS_ALLOW_HTTP`, …) and those that begin with `GOOGLE_` Cloud Storage
    /// (`GOOGLE_SERVICE_ACCOUNT`, `GOOGLE_SERVICE_ACCOUNT_KEY`, …). A folder is made if it is not
    /// there, for this account alone. Whether the bucket answers is not asked here.
    ///
    /// # Errors
    /// [`Settings`](super::BlobErrorKind::Settings) when the URL or a setting cannot be used, or
    /// the folder cannot be made.
    pub fn open(url: &str, settings: &BTreeMap<String, String>) -> Result<Self, BlobError> {
        let address: Address = url.parse().map_err(BlobError::settings)?;
        let (kind, store) = address.connect(settings)?;
        Ok(Self {
            kind,
            store: Arc::new(store),
            folder: match address {
                Address::File(folder) => Some(folder),
                Address::S3(_) | Address::Gcs(_) => None,
            },
        })
    }

    /// What the bucket is.
    #[must_use]
    pub fn kind(&self) -> BucketKind {
        self.kind
    }

    /// Asks for an object that is not there, to see whether the bucket answers.
    ///
    /// # Errors
    /// What the bucket reports, or the file system of the folder.
    pub async fn ping(&self) -> Result<(), BlobError> {
        if let Some(folder) = &self.folder {
            tokio::fs::metadata(folder).await?;
        }
        match self.store.head(&PING.into()).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an object; one that is not there counts as removed.
    ///
    /// # Errors
    /// What the bucket reports.
    pub async fn delete(&self, key: &Key) -> Result<(), BlobError> {
        match self.store.delete(key.path()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The objects below `prefix`, or all of them, in no order; names that are not keys are not
    /// ours and are passed over.
    pub fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<Listed, BlobError>> {
        self.store
            .list(prefix.map(Key::path))
            .map_err(BlobError::from)
            .try_filter_map(|found| async move { Ok(Listed::of(&found)) })
            .boxed()
    }
}

impl Listed {
    fn of(found: &ObjectMeta) -> Option<Self> {
        Some(Self {
            key: found.location.as_ref().parse().ok()?,
            bytes: found.size,
            modified: found.last_modified.into(),
        })
    }
}
