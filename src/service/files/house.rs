//! What files need beside their rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::Service;
use crate::auth::PartLinks;
use crate::blob::{BlobError, BlobErrorKind, Vault};
use crate::config::FileRules;
use crate::error::{Error, Unauthorized};
use crate::probe::Probe;
use crate::store::{FileQuota, FileRefusal, StoreError, StoreErrorKind, WriteError};

/// The rules of files, where their bytes lie, and what became of them so far. Cheap to clone.
#[derive(Clone)]
pub struct Files(Arc<Inner>);

struct Inner {
    rules: FileRules,
    open: Option<Open>,
    counters: FileCounters,
}

struct Open {
    vault: Vault,
    links: PartLinks,
}

/// What happened to files since the start.
#[derive(Debug, Default)]
pub struct FileCounters {
    /// Files and parts stored.
    pub uploads: AtomicU64,
    /// Their bytes.
    pub uploaded_bytes: AtomicU64,
    /// Contents, or ranges of them, that were begun to be read.
    pub downloads: AtomicU64,
    /// Bytes given out.
    pub downloaded_bytes: AtomicU64,
    /// Failures of the bucket, and of what lies in it.
    pub storage_errors: AtomicU64,
    /// Stored objects that purges removed.
    pub swept: AtomicU64,
}

impl Files {
    /// Files in `vault`, whose parts can be put by links that `links` signs.
    #[must_use]
    pub fn new(rules: FileRules, vault: Vault, links: PartLinks) -> Self {
        Self::with(rules, Some(Open { vault, links }))
    }

    /// Files that are not served: every call answers that they are not available.
    #[must_use]
    pub fn closed(rules: FileRules) -> Self {
        Self::with(rules, None)
    }

    fn with(rules: FileRules, open: Option<Open>) -> Self {
        Self(Arc::new(Inner {
            rules,
            open,
            counters: FileCounters::default(),
        }))
    }

    pub(super) fn rules(&self) -> &FileRules {
        &self.0.rules
    }

    pub(super) fn quota(&self) -> FileQuota {
        FileQuota {
            files: self.0.rules.max_files,
            bytes: self.0.rules.max_bytes,
        }
    }

    pub(super) fn counters(&self) -> &FileCounters {
        &self.0.counters
    }

    /// Where the bytes lie.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when files are not served.
    pub(super) fn vault(&self) -> Result<&Vault, Error> {
        Ok(&self.open()?.vault)
    }

    /// What signs links to parts.
    ///
    /// # Errors
    /// As [`Self::vault`].
    pub(super) fn links(&self) -> Result<&PartLinks, Error> {
        Ok(&self.open()?.links)
    }

    fn open(&self) -> Result<&Open, Error> {
        let open = self.0.open.as_ref();
        open.ok_or_else(|| Error::Unavailable("files have no encryption key".into()))
    }

    /// Counts a failure of the bucket, and says what it means to the caller.
    pub(super) fn failed(&self, error: BlobError) -> Error {
        self.0.counters.add(|all| &all.storage_errors, 1);
        error.into()
    }

    /// What it means to the caller that a change of files did not happen.
    pub(super) fn refused(&self, error: WriteError<FileRefusal>) -> Error {
        let refusal = match error {
            WriteError::Store(error) => return gpt_gone(error),
            WriteError::Refused(refusal) => refusal,
        };
        let rules = self.rules();
        match refusal {
            FileRefusal::TooManyFiles => Error::QuotaExceeded(format!(
                "The GPT has the {} files that it may have.",
                rules.max_files
            )),
            FileRefusal::TooManyBytes => Error::QuotaExceeded(format!(
                "The GPT's files would have more than the {} bytes that they may have together.",
                rules.max_bytes
            )),
            FileRefusal::NoUpload => Error::UploadNotFound,
            FileRefusal::Closed(stage) => Error::UploadClosed(stage.as_str()),
            FileRefusal::TooManyParts => Error::invalid("part_number", "there are 10,000 parts"),
            FileRefusal::PartsChanged => Error::invalid(
                "/part_ids",
                "a part was replaced while the upload was completed; complete it again",
            ),
        }
    }
}

impl FileCounters {
    pub(super) fn add(&self, which: impl Fn(&Self) -> &AtomicU64, count: u64) {
        which(self).fetch_add(count, Ordering::Relaxed);
    }
}

impl Service {
    /// Asks the bucket of files whether it is there.
    pub async fn probe_files(&self) -> Probe {
        match &self.files.0.open {
            Some(open) => Probe::of("storage", open.vault.bucket().ping()).await,
            None => Probe::Off,
        }
    }

    /// The same service with files.
    #[must_use]
    pub fn with_files(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// Whether there are files; without a master key there are none.
    #[must_use]
    pub fn serves_files(&self) -> bool {
        self.files.vault().is_ok()
    }

    /// What happened to files since the start.
    #[must_use]
    pub fn file_counters(&self) -> &FileCounters {
        self.files.counters()
    }
}

/// A key is remembered for some seconds after its GPT was deleted.
pub(super) fn gpt_gone(error: StoreError) -> Error {
    match error.kind() {
        StoreErrorKind::ForeignKeyViolation => Error::Unauthorized(Unauthorized::Unknown),
        _ => error.into(),
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error.kind() {
            BlobErrorKind::Unavailable | BlobErrorKind::Full => Self::Unavailable(Box::new(error)),
            BlobErrorKind::NotFound | BlobErrorKind::Damaged | BlobErrorKind::Settings => {
                Self::Internal(Box::new(error))
            }
        }
    }
}
