//! Rows of files, uploads and blobs in this program's own types.

use sea_orm::Set;
use serde_json::json;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::StoreError;
use crate::store::entity::{blobs, files, upload_parts, uploads};

/// A file as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// UUID v7, unique among all tenants.
    pub id: Uuid,
    /// The name, as it was sent.
    pub filename: String,
    /// What it is for.
    pub purpose: String,
    /// The media type.
    pub content_type: String,
    /// The size.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// When it was stored.
    pub created_at: Timestamp,
    /// From when on it is hidden.
    pub expires_at: Timestamp,
    /// The collections whose content it has, `*` for all of them; `None` for what came from outside.
    /// Who is narrowed to other collections does not see it.
    pub collections: Option<Vec<String>>,
}

/// A blob as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    /// UUID v7.
    pub id: Uuid,
    /// The size of the plain bytes.
    pub bytes: u64,
    /// The size of the stored object.
    pub stored_bytes: u64,
    /// SHA-256 of the plain bytes.
    pub sha256: [u8; 32],
    /// The id of the master key that wraps the blob's own.
    pub key_id: u32,
    /// The blob's own key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// An upload as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUpload {
    /// UUID v7, unique among all tenants.
    pub id: Uuid,
    /// The name that the file is to have.
    pub filename: String,
    /// What the file is for.
    pub purpose: String,
    /// The media type that the file is to have.
    pub content_type: String,
    /// The size that the file is to have.
    pub bytes: u64,
    /// How long the file is kept, in seconds.
    pub lifetime_seconds: u64,
    /// How far the upload is, as it was written; [`StoredUpload::stage_at`] knows the time.
    pub stage: UploadStage,
    /// The file that it became.
    pub file_id: Option<Uuid>,
    /// When it began.
    pub created_at: Timestamp,
    /// From when on it takes nothing any more.
    pub expires_at: Timestamp,
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadStage {
    /// It takes parts.
    Pending,
    /// It has become a file.
    Completed,
    /// It was cancelled.
    Cancelled,
    /// Its time is over.
    Expired,
}

/// A part of an upload as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPart {
    /// UUID v7; stays when the bytes are replaced.
    pub id: Uuid,
    /// Its number, from 1.
    pub position: u32,
    /// The blob with its bytes.
    pub blob: Uuid,
    /// The size.
    pub bytes: u64,
    /// When its bytes were stored.
    pub created_at: Timestamp,
}

impl StoredUpload {
    /// How far it is at `now`: one that nobody has ended may be over.
    #[must_use]
    pub fn stage_at(&self, now: Timestamp) -> UploadStage {
        match self.stage {
            UploadStage::Pending if self.expires_at <= now => UploadStage::Expired,
            stage => stage,
        }
    }

    pub(super) fn row(&self, tenant: &Tenant) -> uploads::ActiveModel {
        uploads::ActiveModel {
            gpt_id: Set(tenant.gpt_id().to_string()),
            id: Set(self.id),
            filename: Set(self.filename.clone()),
            purpose: Set(self.purpose.clone()),
            content_type: Set(self.content_type.clone()),
            bytes: Set(self.bytes.cast_signed()),
            lifetime_seconds: Set(self.lifetime_seconds.cast_signed()),
            state: Set(self.stage.as_str().to_owned()),
            file_id: Set(self.file_id),
            created_at: Set(self.created_at),
            expires_at: Set(self.expires_at),
        }
    }
}

impl UploadStage {
    /// The stage as the database and the contract spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let all = [
            Self::Pending,
            Self::Completed,
            Self::Cancelled,
            Self::Expired,
        ];
        let found = all.into_iter().find(|stage| stage.as_str() == text);
        found.ok_or_else(|| StoreError::bug("an upload has an unknown state"))
    }
}

impl StoredFile {
    pub(super) fn row(&self, tenant: &Tenant) -> files::ActiveModel {
        files::ActiveModel {
            gpt_id: Set(tenant.gpt_id().to_string()),
            id: Set(self.id),
            filename: Set(self.filename.clone()),
            purpose: Set(self.purpose.clone()),
            content_type: Set(self.content_type.clone()),
            bytes: Set(self.bytes.cast_signed()),
            sha256: Set(self.sha256.to_vec()),
            created_at: Set(self.created_at),
            expires_at: Set(self.expires_at),
            deleted_at: Set(None),
            collections: Set(self
                .collections
                .as_ref()
                .map(|names| json!(names).to_string())),
        }
    }
}

impl BlobRow {
    /// The row of a blob that is the first of `file`, or of a part.
    pub(super) fn row(&self, tenant: &Tenant, file: Option<Uuid>) -> blobs::ActiveModel {
        blobs::ActiveModel {
            gpt_id: Set(tenant.gpt_id().to_string()),
            id: Set(self.id),
            file_id: Set(file),
            position: Set(0),
            bytes: Set(self.bytes.cast_signed()),
            stored_bytes: Set(self.stored_bytes.cast_signed()),
            sha256: Set(self.sha256.to_vec()),
            key_id: Set(self.key_id.cast_signed()),
            wrapped_key: Set(self.wrapped_key.clone()),
            created_at: Set(self.created_at),
            deleted_at: Set(None),
            attempts: Set(0),
            next_attempt_at: Set(None),
        }
    }
}

impl TryFrom<files::Model> for StoredFile {
    type Error = StoreError;

    fn try_from(row: files::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            filename: row.filename,
            purpose: row.purpose,
            content_type: row.content_type,
            bytes: row.bytes.cast_unsigned(),
            sha256: digest(&row.sha256)?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            collections: row
                .collections
                .map(|names| serde_json::from_str(&names))
                .transpose()
                .map_err(StoreError::bug)?,
        })
    }
}

impl TryFrom<blobs::Model> for BlobRow {
    type Error = StoreError;

    fn try_from(row: blobs::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            bytes: row.bytes.cast_unsigned(),
            stored_bytes: row.stored_bytes.cast_unsigned(),
            sha256: digest(&row.sha256)?,
            key_id: row.key_id.cast_unsigned(),
            wrapped_key: row.wrapped_key,
            created_at: row.created_at,
        })
    }
}

impl TryFrom<uploads::Model> for StoredUpload {
    type Error = StoreError;

    fn try_from(row: uploads::Model) -> Result<Self, StoreError> {
        Ok(Self {
            stage: UploadStage::parse(&row.state)?,
            id: row.id,
            filename: row.filename,
            purpose: row.purpose,
            content_type: row.content_type,
            bytes: row.bytes.cast_unsigned(),
            lifetime_seconds: row.lifetime_seconds.cast_unsigned(),
            file_id: row.file_id,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}

impl From<upload_parts::Model> for StoredPart {
    fn from(row: upload_parts::Model) -> Self {
        Self {
            id: row.id,
            position: row.position.cast_unsigned(),
            blob: row.blob_id,
            bytes: row.bytes.cast_unsigned(),
            created_at: row.created_at,
        }
    }
}

fn digest(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(StoreError::bug)
}
