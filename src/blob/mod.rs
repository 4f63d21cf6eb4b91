//! The bytes of files: object storage and envelope encryption.
//!
//! [`Bucket`] is a folder, or a bucket of S3 or Cloud Storage: streams of bytes under a [`Key`],
//! and small objects with conditional writes. Nothing outside of this module knows which library
//! speaks to it.

mod bucket;
mod error;
mod key;
#[cfg(test)]
mod tests;

pub use self::bucket::{Bucket, BucketKind, BucketWriter, Listed, Reading, Revision, Stored, Swap};
pub use self::error::{BlobError, BlobErrorKind};
pub use self::key::{InvalidKey, Key};
