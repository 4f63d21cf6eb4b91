//! What a GPT's files take, and the lock that every change of them holds.

use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait};

use super::rows::UploadStage;
use crate::ids::Tenant;
use crate::store::entity::file_usage;
use crate::store::{Store, StoreError, WriteError};

/// What a GPT's files may take.
#[derive(Clone, Copy, Debug)]
pub struct FileQuota {
    /// The most files.
    pub files: u64,
    /// The most bytes of files and of parts of uploads that are open.
    pub bytes: u64,
}

/// What a GPT's files take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileUsage {
    /// Files.
    pub files: u64,
    /// Bytes of files and of parts of uploads that are open.
    pub bytes: u64,
}

/// Why a change of files was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRefusal {
    /// The GPT would have more files than it may.
    TooManyFiles,
    /// The GPT's files would take more bytes than they may.
    TooManyBytes,
    /// There is no such upload.
    NoUpload,
    /// The upload takes nothing any more.
    Closed(UploadStage),
    /// The upload has as many parts as it may.
    TooManyParts,
    /// A part is not there any more, or has other bytes.
    PartsChanged,
}

impl FileQuota {
    /// Whether `files` and `bytes` more may come to `usage`.
    ///
    /// # Errors
    /// [`FileRefusal::TooManyFiles`], [`FileRefusal::TooManyBytes`].
    pub fn admit(&self, usage: FileUsage, files: u64, bytes: u64) -> Result<(), FileRefusal> {
        if files > 0 && usage.files.saturating_add(files) > self.files {
            return Err(FileRefusal::TooManyFiles);
        }
        if bytes > 0 && usage.bytes.saturating_add(bytes) > self.bytes {
            return Err(FileRefusal::TooManyBytes);
        }
        Ok(())
    }
}

impl FileUsage {
    fn counted(files: i64, bytes: i64) -> Self {
        Self {
            files: u64::try_from(files).unwrap_or_default(),
            bytes: u64::try_from(bytes).unwrap_or_default(),
        }
    }
}

impl From<FileRefusal> for WriteError<FileRefusal> {
    fn from(refusal: FileRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<file_usage::Model> for FileUsage {
    fn from(row: file_usage::Model) -> Self {
        Self::counted(row.files, row.bytes)
    }
}

impl Store {
    /// What the tenant's files take.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn file_usage(&self, tenant: &Tenant) -> Result<FileUsage, StoreError> {
        let found = file_usage::Entity::find_by_id(tenant.gpt_id().as_str());
        let row = found.one(self.database().reads()).await?;
        Ok(row.map(FileUsage::from).unwrap_or_default())
    }

    /// Locks the tenant's files until the transaction ends, and says what they take.
    pub(super) async fn lock_files(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
    ) -> Result<FileUsage, StoreError> {
        // An update that changes nothing takes the lock, whether or not the row was there.
        let lock = self.statement(
            "INSERT INTO file_usage (gpt_id, files, bytes) VALUES ($1, 0, 0) \
             ON CONFLICT (gpt_id) DO UPDATE SET files = file_usage.files \
             RETURNING files, bytes",
            [tenant.gpt_id().into()],
        );
        let row = transaction.query_one_raw(lock).await?;
        let row = row.ok_or_else(|| StoreError::bug("no row from an upsert"))?;
        let (files, bytes): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok(FileUsage::counted(files, bytes))
    }

    /// Counts `files` and `bytes` that came, or went.
    pub(super) async fn count_files(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        files: i64,
        bytes: i64,
    ) -> Result<(), StoreError> {
        let count = self.statement(
            "UPDATE file_usage SET files = files + $2, bytes = bytes + $3 WHERE gpt_id = $1",
            [tenant.gpt_id().into(), files.into(), bytes.into()],
        );
        transaction.execute_raw(count).await?;
        Ok(())
    }
}
