//! Files, uploads, and the blobs that hold their bytes.
//!
//! Every change of them takes the lock of the GPT's row in `file_usage` first, so that no two
//! changes of one GPT meet, no quota is overrun, and no deadlock can be.

mod complete;
mod create;
mod delete;
mod list;
mod part;
mod purge;
mod rewrap;
mod rows;
mod upload;
mod usage;

pub use list::FileFilter;
pub use part::UploadedPart;
pub use purge::ClaimedBlob;
pub use rewrap::{Rewrapped, TenantBlob};
pub use rows::{BlobRow, StoredFile, StoredPart, StoredUpload, UploadStage};
pub use usage::{FileQuota, FileRefusal, FileUsage};
