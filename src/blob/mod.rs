//! The bytes of files: object storage and envelope encryption.
//!
//! A service knows two things of it, and neither HTTP nor SQL is known here:
//!
//! - [`Vault`] keeps *blobs*: sequences of bytes of a tenant, under an id that the service makes,
//!   sealed on the way to the bucket. [`Vault::seal`] gives a [`SealingWriter`], which takes bytes
//!   as they come and ends in a [`Sealed`]: length, SHA-256 and [`WrappedKey`], for the blob's row.
//!   A file is a row of blobs, its [`Segment`]s: one for a file that came in one piece, one for each
//!   part of an upload. [`Vault::open`] reads a range of them as a stream.
//! - [`Bucket`] keeps what is not sealed here, under a [`Key`]: streams, and small objects that are
//!   written only over the version that was read ([`Bucket::read`], [`Bucket::swap`]).
//!
//! The row is the truth. Write the blob first and the row after it; delete the row first and the blob
//! after it. A crash between the two leaves a blob without a row, which a sweep finds with
//! [`Vault::list`]; one in the middle of a blob leaves a draft, for [`Bucket::remove_unfinished`]. A
//! writer that is dropped leaves neither. Every failure is a [`BlobError`], whose kind says what to do.

mod bucket;
mod envelope;
mod error;
mod key;
#[cfg(test)]
mod tests;
mod vault;

pub use self::bucket::{Bucket, BucketKind, BucketWriter, Listed, Reading, Revision, Stored, Swap};
pub use self::envelope::keys::{InvalidMasterKeys, MasterKeys};
pub use self::envelope::open::Segment;
pub use self::envelope::seal::{Sealed, SealingWriter};
pub use self::envelope::wrap::WrappedKey;
pub use self::error::{BlobError, BlobErrorKind};
pub use self::key::{InvalidKey, Key};
pub use self::vault::{StoredBlob, Vault};
