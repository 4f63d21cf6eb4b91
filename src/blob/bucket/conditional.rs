//! Small objects that change: read whole, and written only over the version that was read.

use bytes::Bytes;
use object_store::{
    Error, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion,
};

use super::Bucket;
use crate::blob::error::BlobError;
use crate::blob::key::Key;

/// An object and the version that it was read in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// All of its bytes.
    pub bytes: Bytes,
    /// What [`Bucket::swap`] expects to find.
    pub version: Revision,
}

/// Tells one version of an object from another: an entity tag on S3, a generation on Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(UpdateVersion);

/// What became of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It is written.
    Done,
    /// Another version is there, so nothing was written. It can be our own: a write whose answer
    /// was lost is repeated, and then meets itself. Read again to know.
    Conflict,
}

impl Bucket {
    /// The whole object at `key`, or `None` where there is none. For objects that fit into memory.
    ///
    /// # Errors
    /// What the bucket reports.
    pub async fn read(&self, key: &Key) -> Result<Option<Stored>, BlobError> {
        let found: GetResult = match self.store.get(key.path()).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let version = Revision(UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        });
        let bytes = found.bytes().await?;
        Ok(Some(Stored { bytes, version }))
    }

    /// Writes `bytes` to `key` if the version there is `expected`; `None` stands for no object.
    ///
    /// # Errors
    /// [`Settings`](crate::blob::BlobErrorKind::Settings) for `Some` on a folder, which has no
    /// conditional writes, and what the bucket reports. After an error the write may have happened.
    pub async fn swap(
        &self,
        key: &Key,
        bytes: Bytes,
        expected: Option<&Revision>,
    ) -> Result<Swap, BlobError> {
        let mode = match expected {
            Some(revision) => PutMode::Update(revision.0.clone()),
            None => PutMode::Create,
        };
        let payload = PutPayload::from_bytes(bytes);
        match self.store.put_opts(key.path(), payload, mode.into()).await {
            Ok(_) => Ok(Swap::Done),
            Err(
                Error::AlreadyExists { .. }
                | Error::Precondition { .. }
                | Error::NotModified { .. },
            ) => Ok(Swap::Conflict),
            Err(error) => Err(error.into()),
        }
    }
}
