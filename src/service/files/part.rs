//! Parts of uploads: added with a key, or put by a signed link.

use std::future::ready;

use bytes::Bytes;
use futures::Stream;
use uuid::Uuid;

use super::super::Service;
use super::{PART, PartRow, SignedLink, UPLOAD, text_id};
use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::Tenant;
use crate::store::{StoredUpload, UploadedPart};

impl Service {
    /// Adds a part after the last one. `length` is how many bytes were announced, if any were.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`], [`Error::UploadClosed`]; [`Error::Forbidden`] for another
    /// tenant's; [`Error::QuotaExceeded`]; those of `content`, as they are; the vault's and the
    /// store's.
    pub async fn add_part(
        &self,
        caller: &Caller,
        upload_id: &str,
        content: impl Stream<Item = Result<Bytes, Error>> + Send,
        length: Option<u64>,
    ) -> Result<PartRow, Error> {
        let upload = self.open_upload(caller, upload_id).await?;
        self.expect_room(caller.tenant(), 0, length.unwrap_or(0))
            .await?;
        self.store_part(caller.tenant(), &upload, None, content)
            .await
    }

    /// Puts part `number`, from 1, by the right of `link`. It replaces an earlier one, whose id it
    /// keeps. Nothing of `content` is read before the link is found good, since anybody can come
    /// here.
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
        let (links, now) = (self.files.links()?, Timestamp::now());
        let tenant = links.verify(upload_id, link.expires, &link.signature, now)?;
        let upload = self.find_open_upload(&tenant, upload_id).await?;
        self.expect_room(&tenant, 0, length.unwrap_or(0)).await?;
        self.store_part(&tenant, &upload, Some(number), content)
            .await
    }

    async fn store_part(
        &self,
        tenant: &Tenant,
        upload: &StoredUpload,
        position: Option<u32>,
        content: impl Stream<Item = Result<Bytes, Error>> + Send,
    ) -> Result<PartRow, Error> {
        let (blob, ()) = self.seal(tenant, content, ready(Ok(()))).await?;
        let part = UploadedPart {
            upload: upload.id,
            id: Uuid::now_v7(),
            position,
            blob,
        };
        let (quota, now) = (self.files.quota(), Timestamp::now());
        let stored = self.store.add_part(tenant, &part, quota, now).await;
        let stored = self.keep_or_remove(tenant, &part.blob, stored).await?;
        Ok(PartRow {
            id: text_id(PART, stored.id),
            upload_id: text_id(UPLOAD, upload.id),
            created_at: stored.created_at,
        })
    }
}
