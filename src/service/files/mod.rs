//! Files and uploads.
//!
//! Bytes are written first and the row after them, in the transaction that counts them; a row goes
//! first and the bytes after it. Whatever a crash leaves between the two is found by the jobs that purge.

mod complete;
mod content;
mod create;
mod house;
mod orphans;
mod part;
mod purge;
mod rewrap;
mod upload;

use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use uuid::Uuid;

pub use content::FileContent;
pub use house::{FileCounters, Files};
pub use orphans::{Orphans, PURGE_GPT, PURGE_ORPHANS};
pub use purge::{PURGE, Purged};
pub use rewrap::RewrapReport;

use super::Service;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::store::StoredFile;

/// What the ids of files begin with.
const FILE: &str = "file-";
/// What the ids of uploads begin with.
const UPLOAD: &str = "upload_";
/// What the ids of parts begin with.
const PART: &str = "part_";
/// The longest name of a file, in bytes.
const FILENAME_BYTES: usize = 1024;

/// The bytes of a file, piece by piece, or why they stopped.
pub type FileBytes = BoxStream<'static, Result<Bytes, Error>>;

/// How large files may be.
#[derive(Clone, Copy, Debug)]
pub struct FileLimits {
    /// A file in one request, in bytes.
    pub file_bytes: u64,
    /// A part of an upload, in bytes.
    pub part_bytes: u64,
    /// A file that comes as an upload, in bytes.
    pub upload_bytes: u64,
}

/// A file that is stored.
#[derive(Clone, Debug)]
pub struct FileRow {
    /// `file-` and 32 hexadecimal digits.
    pub id: String,
    /// The name, as it was sent.
    pub filename: String,
    /// One of the purposes that the service knows.
    pub purpose: String,
    /// The media type, as it was sent.
    pub content_type: String,
    /// The size.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
}

/// What is known of a file when its first byte comes. Its name is one that every database keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    filename: String,
    content_type: String,
    collections: Option<Vec<String>>,
}

/// What may become known of a file only after its last byte, since forms have no order. Only
/// [`Service::file_details`] makes one, so the purpose and the time are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDetails {
    /// One of the purposes that the service knows.
    purpose: String,
    /// How long the file is kept.
    lifetime: Duration,
}

/// How long a file is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// From when it is stored.
    pub time: Duration,
    /// Where the caller said so, for an error.
    pub place: &'static str,
}

/// Which files to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileQuery {
    /// Files on a page.
    pub limit: u32,
    /// The id of the last file of the page before.
    pub after: Option<String>,
    /// Oldest first.
    pub ascending: bool,
    /// Only files with this purpose.
    pub purpose: Option<String>,
}

/// A file that is to come in parts.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// What is known of the file.
    pub file: NewFile,
    /// What is known of it besides.
    pub details: FileDetails,
    /// The size of the whole.
    pub bytes: u64,
}

/// An upload.
#[derive(Clone, Debug)]
pub struct UploadRow {
    /// `upload_` and 32 hexadecimal digits.
    pub id: String,
    /// The size that the file is to have.
    pub bytes: u64,
    /// When it began.
    pub created_at: Timestamp,
    /// When it expires unless it is completed.
    pub expires_at: Timestamp,
    /// The name that the file is to have.
    pub filename: String,
    /// What the file is for.
    pub purpose: String,
    /// How far it is, with what there is only then.
    pub state: UploadState,
}

/// How far an upload is.
#[derive(Clone, Debug)]
pub enum UploadState {
    /// It takes parts.
    Pending(SignedLink),
    /// It has become a file.
    Completed(Box<FileRow>),
    /// It was cancelled.
    Cancelled,
    /// Its time is over.
    Expired,
}

/// The right to put parts of one upload, without a key. Signed for upload, tenant and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedLink {
    /// When it ends, in Unix seconds.
    pub expires: i64,
    /// The signature: letters, digits, dots, hyphens, underscores and tildes.
    pub signature: String,
}

/// A part of an upload.
#[derive(Clone, Debug)]
pub struct PartRow {
    /// `part_` and 32 hexadecimal digits.
    pub id: String,
    /// The upload.
    pub upload_id: String,
    /// When it was stored.
    pub created_at: Timestamp,
}

impl NewFile {
    /// A file with this name and media type; `place` is where the name came from, for an error.
    ///
    /// The name is kept as it was sent, paths, control characters and all: whoever shows it makes it
    /// safe.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a name over 1,024 bytes, and for one with U+0000, which
    /// PostgreSQL cannot keep.
    pub fn new(place: &str, filename: String, content_type: String) -> Result<Self, Error> {
        if filename.len() > FILENAME_BYTES {
            let detail = format!("is longer than {FILENAME_BYTES} bytes");
            return Err(Error::invalid(place, detail));
        }
        if filename.contains('\0') {
            return Err(Error::invalid(place, "must not have the character U+0000"));
        }
        Ok(Self {
            filename,
            content_type,
            collections: None,
        })
    }

    /// The same with the content of these collections, `*` for all of them: who is narrowed to others
    /// does not see it.
    pub(super) fn of_collections(self, names: Vec<String>) -> Self {
        Self {
            collections: Some(names),
            ..self
        }
    }
}

impl Service {
    /// How large files may be.
    #[must_use]
    pub fn file_limits(&self) -> FileLimits {
        let rules = self.files.rules();
        FileLimits {
            file_bytes: rules.file_bytes,
            part_bytes: rules.part_bytes,
            upload_bytes: rules.upload_bytes,
        }
    }

    /// The longest that a file may be kept.
    pub(super) fn longest_lifetime(&self) -> Duration {
        self.files.rules().max_ttl
    }

    /// `purpose` and `lifetime`, if a file may have them. Without a lifetime it has the default.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an unknown purpose, or a time over the maximum.
    pub fn file_details(
        &self,
        purpose: &str,
        lifetime: Option<Lifetime>,
    ) -> Result<FileDetails, Error> {
        let rules = self.files.rules();
        if !rules.purposes.iter().any(|known| known == purpose) {
            let detail = format!("must be one of {}", rules.purposes.join(", "));
            return Err(Error::invalid("purpose", detail));
        }
        if let Some(Lifetime { time, place }) = lifetime
            && time > rules.max_ttl
        {
            let most = rules.max_ttl.as_secs();
            let detail = format!("a file is kept for {most} seconds at most");
            return Err(Error::invalid(place, detail));
        }
        Ok(FileDetails {
            purpose: purpose.to_owned(),
            lifetime: lifetime.map_or(rules.default_ttl, |lifetime| lifetime.time),
        })
    }
}

impl From<StoredFile> for FileRow {
    fn from(row: StoredFile) -> Self {
        Self {
            id: text_id(FILE, row.id),
            filename: row.filename,
            purpose: row.purpose,
            content_type: row.content_type,
            bytes: row.bytes,
            sha256: row.sha256,
            created_at: row.created_at,
            expires_at: Some(row.expires_at),
        }
    }
}

/// The id of a file as callers know it.
pub(super) fn file_id(id: Uuid) -> String {
    text_id(FILE, id)
}

/// An id as callers know it.
fn text_id(prefix: &str, id: Uuid) -> String {
    format!("{prefix}{}", id.simple())
}

/// The id that a caller names; `None` for a text that is no id of ours.
fn parse_id(prefix: &str, text: &str) -> Option<Uuid> {
    Uuid::try_parse(text.strip_prefix(prefix)?).ok()
}
