//! Uploads: begun and cancelled.

use uuid::Uuid;

use super::super::Service;
use super::house::gpt_gone;
use super::{NewUpload, SignedLink, UPLOAD, UploadRow, UploadState, parse_id, text_id};
use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::config::UPLOAD_TIME;
use crate::error::Error;
use crate::ids::Tenant;
use crate::store::{StoredUpload, UploadStage};

impl Service {
    /// Begins an upload.
    ///
    /// # Errors
    /// [`Error::FileTooLarge`]; [`Error::QuotaExceeded`]; the store's.
    pub async fn create_upload(
        &self,
        caller: &Caller,
        upload: NewUpload,
    ) -> Result<UploadRow, Error> {
        let (tenant, links) = (caller.tenant(), self.files.links()?);
        let limit = self.files.rules().upload_bytes;
        if upload.bytes > limit {
            return Err(Error::FileTooLarge { limit });
        }
        self.expect_room(tenant, 1, upload.bytes).await?;
        let now = Timestamp::now();
        let row = StoredUpload {
            id: Uuid::now_v7(),
            filename: upload.file.filename,
            purpose: upload.details.purpose,
            content_type: upload.file.content_type,
            bytes: upload.bytes,
            lifetime_seconds: upload.details.lifetime.as_secs(),
            stage: UploadStage::Pending,
            file_id: None,
            created_at: now,
            expires_at: now.plus(UPLOAD_TIME),
        };
        let created = self.store.create_upload(tenant, &row).await;
        created.map_err(gpt_gone)?;
        let expires = row.expires_at.as_seconds();
        let signature = links.sign(tenant, &text_id(UPLOAD, row.id), expires);
        let link = SignedLink { expires, signature };
        Ok(described(row, UploadState::Pending(link)))
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
        let upload = self.open_upload(caller, upload_id).await?;
        let (stage, now) = (UploadStage::Cancelled, Timestamp::now());
        let ended = self
            .store
            .end_upload(caller.tenant(), upload.id, stage, now)
            .await;
        let ended = ended.map_err(|error| self.files.refused(error))?;
        self.purge_soon().await;
        Ok(described(ended, UploadState::Cancelled))
    }

    /// The caller's upload, which must take parts.
    pub(super) async fn open_upload(
        &self,
        caller: &Caller,
        upload_id: &str,
    ) -> Result<StoredUpload, Error> {
        match self.find_open_upload(caller.tenant(), upload_id).await {
            Err(Error::UploadNotFound) if self.is_anothers(upload_id).await? => {
                let detail = "The upload belongs to another GPT.";
                Err(Error::Forbidden(detail.into()))
            }
            found => found,
        }
    }

    /// The tenant's upload, which must take parts.
    pub(super) async fn find_open_upload(
        &self,
        tenant: &Tenant,
        upload_id: &str,
    ) -> Result<StoredUpload, Error> {
        self.files.vault()?;
        let id = parse_id(UPLOAD, upload_id).ok_or(Error::UploadNotFound)?;
        let upload = self.store.get_upload(tenant, id).await?;
        let upload = upload.ok_or(Error::UploadNotFound)?;
        match upload.stage_at(Timestamp::now()) {
            UploadStage::Pending => Ok(upload),
            stage => Err(Error::UploadClosed(stage.as_str())),
        }
    }

    /// Whether an upload that the caller has not is somebody's.
    async fn is_anothers(&self, upload_id: &str) -> Result<bool, Error> {
        match parse_id(UPLOAD, upload_id) {
            Some(id) => Ok(self.store.any_tenant_has_upload(id).await?),
            None => Ok(false),
        }
    }
}

/// An upload as callers know it.
pub(super) fn described(row: StoredUpload, state: UploadState) -> UploadRow {
    UploadRow {
        id: text_id(UPLOAD, row.id),
        bytes: row.bytes,
        created_at: row.created_at,
        expires_at: row.expires_at,
        filename: row.filename,
        purpose: row.purpose,
        state,
    }
}
