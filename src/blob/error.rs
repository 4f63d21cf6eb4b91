//! What can go wrong with the bytes of files.
//!
//! A failure is recognized by its type, never by the words of a message. No `Display` here shows a
//! path, a bucket, a tenant or a key: those stay in the source, for the log.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// A failure of a bucket, or of what lies in it.
#[derive(Debug)]
pub struct BlobError {
    kind: BlobErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a [`BlobError`] means to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobErrorKind {
    /// Nothing lies under the key.
    NotFound,
    /// The bucket cannot be reached or cannot serve now; trying again later may help.
    Unavailable,
    /// The disk has no room left, or its quota is used up.
    Full,
    /// What lies there is not what was written.
    Damaged,
    /// The URL, the credentials or the master keys do not serve; the source says why.
    Settings,
}

impl BlobError {
    /// What the failure means.
    #[must_use]
    pub fn kind(&self) -> BlobErrorKind {
        self.kind
    }

    /// Settings that cannot be used.
    pub(super) fn settings(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(BlobErrorKind::Settings, source)
    }

    /// Bytes that are not those that were written.
    pub(super) fn damaged(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(BlobErrorKind::Damaged, source)
    }

    /// A writer that lost bytes, and so can make no object any more.
    pub(super) fn interrupted() -> Self {
        let source = "an earlier write failed or was given up";
        Self::new(BlobErrorKind::Unavailable, source)
    }

    fn new(kind: BlobErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            kind,
            source: Some(source.into()),
        }
    }
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            BlobErrorKind::NotFound => "the stored bytes do not exist",
            BlobErrorKind::Unavailable => "the bucket is unavailable",
            BlobErrorKind::Full => "the disk is full",
            BlobErrorKind::Damaged => "the stored bytes are damaged",
            BlobErrorKind::Settings => "the bucket's settings cannot be used",
        })
    }
}

impl StdError for BlobError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error;
        let kind = match &error {
            Error::NotFound { .. } => BlobErrorKind::NotFound,
            Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::UnknownConfigurationKey { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. } => BlobErrorKind::Settings,
            Error::InvalidPath { .. } => BlobErrorKind::Damaged,
            Error::Generic { .. }
            | Error::JoinError { .. }
            | Error::AlreadyExists { .. }
            | Error::Precondition { .. }
            | Error::NotModified { .. } => kind_of_cause(&error),
            // The enum may grow with its crate.
            _ => kind_of_cause(&error),
        };
        Self::new(kind, error)
    }
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        Self::new(kind_of_cause(&error), error)
    }
}

impl From<tokio::task::JoinError> for BlobError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::new(BlobErrorKind::Unavailable, error)
    }
}

/// Looks for what the operating system said, however deep it lies.
fn kind_of_cause(error: &(dyn StdError + 'static)) -> BlobErrorKind {
    let mut next = Some(error);
    while let Some(error) = next {
        let io_error = error.downcast_ref::<io::Error>();
        let no_room = |error: &io::Error| {
            use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
            matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
        };
        if io_error.is_some_and(no_room) {
            return BlobErrorKind::Full;
        }
        // An `io::Error` passes over what it wraps when it is asked for its source.
        let wrapped = io_error.and_then(io::Error::get_ref);
        next = wrapped.map(|error| error as _).or_else(|| error.source());
    }
    BlobErrorKind::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_found_under_other_errors() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        for source in [full(), io::Error::other(full())] {
            let store = "LocalFileSystem";
            let source = Box::new(source);
            let error = BlobError::from(object_store::Error::Generic { store, source });
            assert_eq!(error.kind(), BlobErrorKind::Full);
        }
        let other = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(BlobError::from(other).kind(), BlobErrorKind::Unavailable);
    }
}
