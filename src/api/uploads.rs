//! The operations on uploads.

use super::Handlers;
use super::content::media_type;
use super::generated::operations::{
    AddUploadPartParams, AddUploadPartReply, CancelUploadParams, CancelUploadReply,
    CompleteUploadParams, CompleteUploadReply, CreateUploadParams, CreateUploadReply,
    PutUploadPartParams, PutUploadPartReply, UploadsHandlers,
};
use super::generated::types::{self, UploadStatus};
use super::new_files::{AFTER_SECONDS, lifetime};
use super::problem::Problem;
use super::wire::Pace;
use crate::auth::Caller;
use crate::service::{NewFile, NewUpload, PartRow, SignedLink, UploadRow, UploadState};

impl UploadsHandlers for Handlers {
    async fn create_upload(
        &self,
        caller: Caller,
        request: CreateUploadParams,
    ) -> Result<CreateUploadReply, Problem> {
        let sent = request.body;
        let after = sent.expires_after.as_ref().map(|after| after.seconds);
        let details = lifetime(sent.expires_in, after, AFTER_SECONDS)
            .and_then(|lifetime| self.service.file_details(&sent.purpose, lifetime));
        let upload = NewUpload {
            file: NewFile::new(
                "/filename",
                sent.filename,
                media_type(Some(&sent.mime_type)),
            )?,
            details: details.map_err(|error| error.under("/"))?,
            bytes: sent.bytes.unsigned_abs(),
        };
        let row = self.service.create_upload(&caller, upload).await?;
        let body = self.upload(row);
        Ok(CreateUploadReply::Ok { body })
    }

    async fn add_upload_part(
        &self,
        caller: Caller,
        request: AddUploadPartParams,
    ) -> Result<AddUploadPartReply, Problem> {
        let limit = self.service.file_limits().part_bytes;
        let (part, rest) = request.body.open(limit).await?;
        let content = rest.ending(part.content);
        let row = self
            .service
            .add_part(&caller, &request.upload_id, content, None)
            .await?;
        Ok(AddUploadPartReply::Ok { body: row.into() })
    }

    async fn put_upload_part(
        &self,
        request: PutUploadPartParams,
    ) -> Result<PutUploadPartReply, Problem> {
        let link = SignedLink {
            expires: request.expires,
            signature: request.signature,
        };
        let length = request.body.length;
        let content = request.body.up_to(self.service.file_limits().part_bytes)?;
        let number = request.part_number.unsigned_abs();
        let row = self
            .service
            .put_part(link, &request.upload_id, number, content, length)
            .await?;
        Ok(PutUploadPartReply::Ok { body: row.into() })
    }

    async fn complete_upload(
        &self,
        caller: Caller,
        request: CompleteUploadParams,
    ) -> Result<CompleteUploadReply, Problem> {
        let sent = request.body;
        // All bytes are read once, which takes as long as it takes.
        let pace = Pace::of_this_request();
        let row = self
            .service
            .complete_upload(
                &caller,
                &request.upload_id,
                &sent.part_ids,
                sent.md5.as_deref(),
                || pace.renew(),
            )
            .await?;
        let body = self.upload(row);
        Ok(CompleteUploadReply::Ok { body })
    }

    async fn cancel_upload(
        &self,
        caller: Caller,
        request: CancelUploadParams,
    ) -> Result<CancelUploadReply, Problem> {
        let row = self
            .service
            .cancel_upload(&caller, &request.upload_id)
            .await?;
        let body = self.upload(row);
        Ok(CancelUploadReply::Ok { body })
    }
}

impl Handlers {
    fn upload(&self, row: UploadRow) -> types::Upload {
        let mut url = None;
        let mut file = None;
        let status = match row.state {
            UploadState::Pending(link) => {
                url = Some(part_url(&self.public_url, &row.id, &link));
                UploadStatus::Pending
            }
            UploadState::Completed(row) => {
                file = Some((*row).into());
                UploadStatus::Completed
            }
            UploadState::Cancelled => UploadStatus::Cancelled,
            UploadState::Expired => UploadStatus::Expired,
        };
        types::Upload {
            id: row.id,
            object: "upload".to_owned(),
            bytes: as_i64(row.bytes),
            created_at: row.created_at.as_seconds(),
            expires_at: row.expires_at.as_seconds(),
            filename: row.filename,
            purpose: row.purpose,
            status,
            file,
            part_size: as_i64(self.service.file_limits().part_bytes),
            url,
        }
    }
}

/// Where parts can be put without a key; the caller fills in `{part_number}`.
fn part_url(public_url: &str, upload_id: &str, link: &SignedLink) -> String {
    format!(
        "{public_url}/v1/uploads/{upload_id}/parts/{{part_number}}?expires={}&signature={}",
        link.expires, link.signature
    )
}

fn as_i64(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl From<PartRow> for types::UploadPart {
    fn from(row: PartRow) -> Self {
        Self {
            id: row.id,
            object: "upload.part".to_owned(),
            created_at: row.created_at.as_seconds(),
            upload_id: row.upload_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_url_leaves_the_number_open() {
        let link = SignedLink {
            expires: 17,
            signature: "abc.d-e_f".to_owned(),
        };
        assert_eq!(
            part_url("https://store.example", "upload_1", &link),
            "https://store.example/v1/uploads/upload_1/parts/{part_number}?expires=17&signature=abc.d-e_f"
        );
    }
}
