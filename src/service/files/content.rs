//! Files that are there: one, a page of them, their content, their end.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use uuid::Uuid;

use super::super::Service;
use super::house::Files;
use super::{FILE, FileBytes, FileQuery, FileRow, parse_id};
use crate::auth::Caller;
use crate::blob::{BlobError, BlobErrorKind, Segment, WrappedKey};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::Tenant;
use crate::store::{BlobRow, FileFilter, Keyset, Store, StoredFile};

/// A file whose content is to be read.
pub struct FileContent {
    /// The file.
    pub row: FileRow,
    id: Uuid,
    tenant: Tenant,
    store: Store,
    files: Files,
}

impl Service {
    /// A page of files, and whether there are others after it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an unknown `after`; the store's.
    pub async fn list_files(
        &self,
        caller: &Caller,
        query: FileQuery,
    ) -> Result<(Vec<FileRow>, bool), Error> {
        self.files.vault()?;
        let tenant = caller.tenant();
        let mut page = Keyset {
            after: None,
            ascending: query.ascending,
            limit: query.limit,
        };
        if let Some(after) = &query.after {
            let id = parse_id(FILE, after).unwrap_or_default();
            let position = self.store.file_position(tenant, id).await?;
            let unknown = || Error::invalid("after", "is not the id of a file of this GPT");
            page.after = Some(position.ok_or_else(unknown)?);
        }
        // PostgreSQL refuses the character even where it only compares.
        if query
            .purpose
            .as_ref()
            .is_some_and(|text| text.contains('\0'))
        {
            return Ok((Vec::new(), false));
        }
        let filter = FileFilter {
            now: Timestamp::now(),
            purpose: query.purpose,
        };
        let (rows, more) = self.store.list_files(tenant, &filter, &page).await?;
        Ok((rows.into_iter().map(FileRow::from).collect(), more))
    }

    /// One file.
    ///
    /// # Errors
    /// [`Error::FileNotFound`]; [`Error::Forbidden`] for another tenant's; the store's.
    pub async fn get_file(&self, caller: &Caller, id: &str) -> Result<FileRow, Error> {
        Ok(self.find_file(caller, id).await?.into())
    }

    /// Deletes a file. Its bytes follow soon.
    ///
    /// # Errors
    /// As [`Self::get_file`].
    pub async fn delete_file(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let file = self.find_file(caller, id).await?;
        let deleted = self
            .store
            .delete_file(caller.tenant(), file.id, Timestamp::now())
            .await?;
        // Of two who delete it at once, one does.
        if !deleted {
            return Err(Error::FileNotFound);
        }
        self.purge_soon().await;
        Ok(())
    }

    /// One file, to be read.
    ///
    /// # Errors
    /// As [`Self::get_file`].
    pub async fn read_file(&self, caller: &Caller, id: &str) -> Result<FileContent, Error> {
        let file = self.find_file(caller, id).await?;
        Ok(self.content(caller.tenant(), file))
    }

    /// A file that the caller names, as the store names it.
    ///
    /// # Errors
    /// As [`Self::get_file`].
    pub(in crate::service) async fn file_uuid(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Uuid, Error> {
        Ok(self.find_file(caller, id).await?.id)
    }

    /// One file, to be read for the tenant.
    ///
    /// # Errors
    /// [`Error::FileNotFound`]; the store's.
    pub(in crate::service) async fn file_content(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<FileContent, Error> {
        let found = self.store.get_file(tenant, id, Timestamp::now()).await?;
        Ok(self.content(tenant, found.ok_or(Error::FileNotFound)?))
    }

    /// Deletes a file for the tenant, if it is there.
    ///
    /// # Errors
    /// The store's.
    pub(in crate::service) async fn remove_file(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<(), Error> {
        if self.store.delete_file(tenant, id, Timestamp::now()).await? {
            self.purge_soon().await;
        }
        Ok(())
    }

    fn content(&self, tenant: &Tenant, file: StoredFile) -> FileContent {
        FileContent {
            id: file.id,
            row: file.into(),
            tenant: tenant.clone(),
            store: self.store.clone(),
            files: self.files.clone(),
        }
    }

    async fn find_file(&self, caller: &Caller, id: &str) -> Result<StoredFile, Error> {
        self.files.vault()?;
        let id = parse_id(FILE, id).ok_or(Error::FileNotFound)?;
        let now = Timestamp::now();
        if let Some(file) = self.store.get_file(caller.tenant(), id, now).await? {
            return Ok(file);
        }
        let tenant = caller.tenant();
        if self.store.another_tenant_has_file(tenant, id, now).await? {
            return Err(Error::Forbidden("The file belongs to another GPT.".into()));
        }
        Err(Error::FileNotFound)
    }
}

impl FileContent {
    /// The bytes in `range`, which lies within the file.
    ///
    /// # Errors
    /// [`Error::FileNotFound`] when the file has gone meanwhile; when the content cannot be read.
    pub async fn bytes(self, range: Range<u64>) -> Result<FileBytes, Error> {
        let blobs = self.store.file_blobs(&self.tenant, self.id).await?;
        let segments = segments(&blobs)?;
        let is_whole = blobs.iter().map(|blob| blob.bytes).sum::<u64>() == self.row.bytes;
        let opened = if is_whole {
            let vault = self.files.vault()?;
            vault.open(&self.tenant, &segments, range).await
        } else {
            return Err(self
                .lost("the segments of a file are not there".into())
                .await);
        };
        let bytes = match opened {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == BlobErrorKind::NotFound => {
                return Err(self.lost(Box::new(error)).await);
            }
            Err(error) => return Err(self.files.failed(error)),
        };
        let files = self.files;
        files.counters().add(|all| &all.downloads, 1);
        let counting = files.clone();
        let counted = bytes.inspect_ok(move |bytes: &Bytes| {
            let count = bytes.len() as u64;
            counting.counters().add(|all| &all.downloaded_bytes, count);
        });
        Ok(counted.map_err(move |error| files.failed(error)).boxed())
    }

    /// What it means that bytes are not there: the file was deleted in this moment, or it is damaged.
    async fn lost(&self, cause: Box<dyn std::error::Error + Send + Sync>) -> Error {
        let now = Timestamp::now();
        match self.store.get_file(&self.tenant, self.id, now).await {
            Ok(Some(_)) => {
                self.files.counters().add(|all| &all.storage_errors, 1);
                Error::Internal(cause)
            }
            Ok(None) => Error::FileNotFound,
            Err(error) => error.into(),
        }
    }
}

/// The blobs as the vault reads them.
pub(super) fn segments(blobs: &[BlobRow]) -> Result<Vec<Segment>, BlobError> {
    blobs.iter().map(segment).collect()
}

/// A blob as the vault reads it.
pub(super) fn segment(blob: &BlobRow) -> Result<Segment, BlobError> {
    Ok(Segment {
        blob: blob.id,
        bytes: blob.bytes,
        sha256: blob.sha256,
        wrapped: WrappedKey::new(blob.key_id, &blob.wrapped_key)?,
    })
}
