//! Storing bytes: sealed as they come, then known to the database.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use uuid::Uuid;

use super::super::Service;
use super::house::Files;
use super::{FileDetails, FileRow, NewFile};
use crate::auth::Caller;
use crate::blob::{Sealed, SealingWriter};
use crate::clock::Timestamp;
use crate::error::{Error, chain};
use crate::ids::Tenant;
use crate::store::{BlobRow, FileRefusal, StoredFile, WriteError};

impl Service {
    /// Stores a file. `details` is awaited once `content` has ended and is dropped; when it fails,
    /// nothing is kept.
    ///
    /// # Errors
    /// Those of `content` and `details`, as they are; [`Error::QuotaExceeded`]; the vault's and the
    /// store's.
    pub async fn create_file(
        &self,
        caller: &Caller,
        file: NewFile,
        content: impl Stream<Item = Result<Bytes, Error>> + Send,
        details: impl Future<Output = Result<FileDetails, Error>> + Send,
    ) -> Result<FileRow, Error> {
        self.keep_file(caller.tenant(), Uuid::now_v7(), file, content, details)
            .await
    }

    /// Stores a file under an id of the caller's choice, as [`Self::create_file`].
    pub(in crate::service) async fn keep_file(
        &self,
        tenant: &Tenant,
        id: Uuid,
        file: NewFile,
        content: impl Stream<Item = Result<Bytes, Error>> + Send,
        details: impl Future<Output = Result<FileDetails, Error>> + Send,
    ) -> Result<FileRow, Error> {
        self.expect_room(tenant, 1, 0).await?;
        let (blob, details) = self.seal(tenant, content, details).await?;
        let now = Timestamp::now();
        let row = StoredFile {
            id,
            filename: file.filename,
            purpose: details.purpose,
            content_type: file.content_type,
            bytes: blob.bytes,
            sha256: blob.sha256,
            created_at: now,
            expires_at: now.plus(details.lifetime),
            collections: file.collections,
        };
        let quota = self.files.quota();
        let stored = self.store.create_file(tenant, &row, &blob, quota).await;
        self.keep_or_remove(tenant, &blob, stored).await?;
        Ok(row.into())
    }

    /// Refuses early what the quota would refuse after the bytes have come.
    pub(super) async fn expect_room(
        &self,
        tenant: &Tenant,
        files: u64,
        bytes: u64,
    ) -> Result<(), Error> {
        let usage = self.store.file_usage(tenant).await?;
        let admitted = self.files.quota().admit(usage, files, bytes);
        admitted.map_err(|refusal| self.files.refused(refusal.into()))
    }

    /// Writes `content` to the vault; `then` is awaited before the blob is made.
    pub(super) async fn seal<T>(
        &self,
        tenant: &Tenant,
        content: impl Stream<Item = Result<Bytes, Error>> + Send,
        then: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<(BlobRow, T), Error> {
        let (files, id) = (&self.files, Uuid::now_v7());
        let begun = files.vault()?.seal(tenant, id).await;
        let mut writer = begun.map_err(|error| files.failed(error))?;
        pour(files, &mut writer, content).await?;
        let then = then.await?;
        let sealed = writer.finish().await;
        let sealed = sealed.map_err(|error| files.failed(error))?;
        Ok((row(id, sealed), then))
    }

    /// Takes the bytes back when the database certainly did not take them. When it failed it may
    /// have taken them all the same, so they stay for the sweep to find.
    pub(super) async fn keep_or_remove<T>(
        &self,
        tenant: &Tenant,
        blob: &BlobRow,
        stored: Result<T, WriteError<FileRefusal>>,
    ) -> Result<T, Error> {
        let counters = self.files.counters();
        if stored.is_ok() {
            counters.add(|all| &all.uploads, 1);
            counters.add(|all| &all.uploaded_bytes, blob.bytes);
        }
        if let Err(WriteError::Refused(_)) = &stored
            && let Err(error) = self.files.vault()?.delete(tenant, blob.id).await
        {
            let cause = chain(&error);
            tracing::warn!(cause, "refused bytes are left to the sweep");
        }
        stored.map_err(|error| self.files.refused(error))
    }
}

async fn pour(
    files: &Files,
    writer: &mut SealingWriter,
    content: impl Stream<Item = Result<Bytes, Error>> + Send,
) -> Result<(), Error> {
    let mut content = pin!(content);
    while let Some(bytes) = content.try_next().await? {
        let written = writer.write(bytes).await;
        written.map_err(|error| files.failed(error))?;
    }
    Ok(())
}

fn row(id: Uuid, sealed: Sealed) -> BlobRow {
    BlobRow {
        id,
        bytes: sealed.bytes,
        stored_bytes: sealed.stored_bytes,
        sha256: sealed.sha256,
        key_id: sealed.wrapped.key_id(),
        wrapped_key: sealed.wrapped.sealed().to_vec(),
        created_at: Timestamp::now(),
    }
}
