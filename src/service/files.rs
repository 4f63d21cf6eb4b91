//! Files and uploads.
//!
//! Nothing of this is kept yet: every call answers that files are not available. What calls look
//! like is settled, so that the handlers stand.

use std::future::Future;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;

use super::Service;
use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::error::Error;

/// The bytes of a file, piece by piece, or why they stopped.
pub type FileBytes = BoxStream<'static, Result<Bytes, Error>>;

/// The largest file that comes in one request, in bytes.
const FILE_BYTES: u64 = 512 << 20;
/// The largest part of an upload, in bytes.
const PART_BYTES: u64 = 64 << 20;
/// The largest file that comes as an upload, in bytes.
const UPLOAD_BYTES: u64 = 8 << 30;

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
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
}

/// What is known of a file when its first byte comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// The name, as it was sent.
    pub filename: String,
    /// The media type, as it was sent.
    pub content_type: String,
}

/// What may become known of a file only after its last byte, since forms have no order. Only
/// [`Service::file_details`] makes one, so the purpose and the time are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDetails {
    /// One of the purposes that the service knows.
    purpose: String,
    /// How long the file is kept.
    lifetime: Option<Duration>,
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

/// A file whose content is to be read.
pub struct FileContent {
    /// The file.
    pub row: FileRow,
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

impl Service {
    /// How large files may be.
    #[must_use]
    pub fn file_limits(&self) -> FileLimits {
        FileLimits {
            file_bytes: FILE_BYTES,
            part_bytes: PART_BYTES,
            upload_bytes: UPLOAD_BYTES,
        }
    }

    /// `purpose` and `lifetime`, if a file may have them.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an unknown purpose, or a time over the maximum.
    pub fn file_details(
        &self,
        purpose: &str,
        lifetime: Option<Duration>,
    ) -> Result<FileDetails, Error> {
        Ok(FileDetails {
            purpose: purpose.to_owned(),
            lifetime,
        })
    }

    /// Stores a file. `details` is awaited once `content` has ended and is dropped; when it fails,
    /// nothing is kept.
    ///
    /// # Errors
    /// Those of `content` and `details`, as they are; the store's.
    pub async fn create_file(
        &self,
        caller: &Caller,
        file: NewFile,
        content: impl Stream<Item = Result<Bytes, Error>> + Send,
        details: impl Future<Output = Result<FileDetails, Error>> + Send,
    ) -> Result<FileRow, Error> {
        let _ = (caller, file, content, details);
        Err(not_yet())
    }

    /// A page of files, and whether there are others after it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an unknown `after`; the store's.
    pub async fn list_files(
        &self,
        caller: &Caller,
        query: FileQuery,
    ) -> Result<(Vec<FileRow>, bool), Error> {
        let _ = (caller, query);
        Err(not_yet())
    }

    /// One file.
    ///
    /// # Errors
    /// [`Error::FileNotFound`]; [`Error::Forbidden`] for another tenant's; the store's.
    pub async fn get_file(&self, caller: &Caller, id: &str) -> Result<FileRow, Error> {
        let _ = (caller, id);
        Err(not_yet())
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// As [`Self::get_file`].
    pub async fn delete_file(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let _ = (caller, id);
        Err(not_yet())
    }

    /// One file, to be read.
    ///
    /// # Errors
    /// As [`Self::get_file`].
    pub async fn read_file(&self, caller: &Caller, id: &str) -> Result<FileContent, Error> {
        let _ = (caller, id);
        Err(not_yet())
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// [`Error::FileTooLarge`]; the store's.
    pub async fn create_upload(
        &self,
        caller: &Caller,
        upload: NewUpload,
    ) -> Result<UploadRow, Error> {
        let _ = (caller, upload);
        Err(not_yet())
    }

    /// Adds a part. `length` is how many bytes were announced, if any were.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`], [`Error::UploadClosed`]; [`Error::Forbidden`] for another
    /// tenant's; those of `content`, as they are; the store's.
    pub async fn add_part(
        &self,
        caller: &Caller,
        upload_id: &str,
        content: impl Stream<Item = Result<Bytes, Error>> + Send,
        length: Option<u64>,
    ) -> Result<PartRow, Error> {
        let _ = (caller, upload_id, content, length);
        Err(not_yet())
    }

    /// Puts part `number`, from 1, by the right of `link`. It replaces an earlier one. Nothing of
    /// `content` is read before the link is found good, since anybody can come here.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a link that is not ours, or is over; else as [`Self::add_part`].
    pub async fn put_part(
        &self,
        link: SignedLink,
        upload_id: &str,
        number: u32,
        content: impl Stream<Item = Result<Bytes, Error>> + Send,
        length: Option<u64>,
    ) -> Result<PartRow, Error> {
        let _ = (link, upload_id, number, content, length);
        Err(not_yet())
    }

    /// Makes the file of an upload's parts, in the order of `part_ids`. `md5`, in hexadecimal, is
    /// checked.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for parts that are unknown or named twice, for another size than
    /// was announced, and for another MD5; else as [`Self::add_part`].
    pub async fn complete_upload(
        &self,
        caller: &Caller,
        upload_id: &str,
        part_ids: &[String],
        md5: Option<&str>,
    ) -> Result<UploadRow, Error> {
        let _ = (caller, upload_id, part_ids, md5);
        Err(not_yet())
    }

    /// Ends an upload and deletes its parts.
    ///
    /// # Errors
    /// As [`Self::add_part`].
    pub async fn cancel_upload(
        &self,
        caller: &Caller,
        upload_id: &str,
    ) -> Result<UploadRow, Error> {
        let _ = (caller, upload_id);
        Err(not_yet())
    }
}

impl FileContent {
    /// The bytes in `range`, which lies within the file.
    ///
    /// # Errors
    /// When the content cannot be read.
    pub async fn bytes(self, range: Range<u64>) -> Result<FileBytes, Error> {
        let _ = range;
        Err(not_yet())
    }
}

fn not_yet() -> Error {
    Error::Unavailable("files are not kept yet".into())
}
