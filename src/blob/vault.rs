//! Sealed blobs by tenant and id.

use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use uuid::Uuid;

use super::bucket::{Bucket, Listed};
use super::envelope::Identity;
use super::envelope::keys::MasterKeys;
use super::envelope::open::{Opener, Segment};
use super::envelope::seal::SealingWriter;
use super::envelope::wrap::WrappedKey;
use super::error::BlobError;
use super::key::Key;
use crate::clock::Timestamp;
use crate::ids::{GptId, Tenant};

/// A bucket of sealed blobs. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Vault {
    bucket: Bucket,
    keys: MasterKeys,
}

/// A blob that a list found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// Whose it is.
    pub gpt_id: GptId,
    /// Its id.
    pub blob: Uuid,
    /// Its length in bytes, as the bucket holds it.
    pub stored_bytes: u64,
    /// When it was written, by the bucket's clock.
    pub modified: Timestamp,
}

impl Vault {
    /// What lies in `bucket`, under `keys`.
    #[must_use]
    pub fn new(bucket: Bucket, keys: MasterKeys) -> Self {
        Self { bucket, keys }
    }

    /// Begins to write a blob. `blob` is a fresh id: each blob is written once, and never changes.
    ///
    /// # Errors
    /// [`Unavailable`](super::BlobErrorKind::Unavailable) when the system has no random numbers.
    pub async fn seal(&self, tenant: &Tenant, blob: Uuid) -> Result<SealingWriter, BlobError> {
        let tenant = tenant.clone();
        let writer = self.bucket.writer(&Key::of_blob(&tenant, blob));
        SealingWriter::begin(writer, self.keys.clone(), Identity { tenant, blob }).await
    }

    /// The bytes of `range` of the file that `segments` make, one after the other; a range that
    /// ends behind the file is cut to it. It is read while it is asked for, in constant memory.
    ///
    /// The first segment is found, and its key opened, before this returns: for the length and the
    /// SHA-256 that were written, and no other. Every chunk is checked before it is given out.
    ///
    /// # Errors
    /// [`NotFound`](super::BlobErrorKind::NotFound) when a segment is gone,
    /// [`Damaged`](super::BlobErrorKind::Damaged) when one is not what was written for this tenant,
    /// [`Settings`](super::BlobErrorKind::Settings) when its master key is missing, and what the
    /// bucket reports.
    pub async fn open(
        &self,
        tenant: &Tenant,
        segments: &[Segment],
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let opener = Opener {
            bucket: self.bucket.clone(),
            keys: self.keys.clone(),
            tenant: tenant.clone(),
        };
        opener.read(segments, range).await
    }

    /// The segment's data key under the current master key, for its row; the object stays as it is.
    ///
    /// # Errors
    /// [`Settings`](super::BlobErrorKind::Settings) when the old master key is missing, and
    /// [`Damaged`](super::BlobErrorKind::Damaged) when its key does not open.
    pub fn rewrap(&self, tenant: &Tenant, segment: &Segment) -> Result<WrappedKey, BlobError> {
        let identity = Identity {
            tenant: tenant.clone(),
            blob: segment.blob,
        };
        let content = segment.content();
        self.keys.rewrap(&segment.wrapped, &identity, &content)
    }

    /// Where the blobs lie.
    #[must_use]
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// The id of the master key that wraps; rows with another one wait to be rewrapped.
    #[must_use]
    pub fn current_key_id(&self) -> u32 {
        self.keys.current_id()
    }

    /// Whether there are older master keys than the one that wraps, and no later one.
    #[must_use]
    pub fn is_after_rotation(&self) -> bool {
        self.keys.are_after_rotation()
    }

    /// Removes a blob; one that is not there counts as removed.
    ///
    /// # Errors
    /// What the bucket reports.
    pub async fn delete(&self, tenant: &Tenant, blob: Uuid) -> Result<(), BlobError> {
        self.bucket.delete(&Key::of_blob(tenant, blob)).await
    }

    /// All blobs of all tenants, in no order, to find those that no row knows.
    pub fn list(&self) -> BoxStream<'static, Result<StoredBlob, BlobError>> {
        self.bucket
            .list(Some(&Key::of_blobs()))
            .try_filter_map(async |found| Ok(StoredBlob::of(&found)))
            .boxed()
    }

    /// The blobs of one tenant, in no order.
    pub fn list_of(&self, tenant: &Tenant) -> BoxStream<'static, Result<StoredBlob, BlobError>> {
        self.bucket
            .list(Some(&Key::of_blobs_of(tenant)))
            .try_filter_map(async |found| Ok(StoredBlob::of(&found)))
            .boxed()
    }
}

impl StoredBlob {
    /// `None` for an object that this module did not write.
    fn of(found: &Listed) -> Option<Self> {
        let (gpt_id, blob) = found.key.as_blob()?;
        Some(Self {
            gpt_id,
            blob,
            stored_bytes: found.bytes,
            modified: found.modified,
        })
    }
}
