//! An upload becomes a file.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::TryStreamExt;
use md5::Md5;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::super::Service;
use super::content::segments;
use super::upload::described;
use super::{PART, UploadRow, UploadState, parse_id};
use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::Tenant;
use crate::store::{BlobRow, StoredFile, StoredPart, StoredUpload};

/// The parts that a file is to be made of, in order.
#[derive(Default)]
struct Chosen {
    parts: Vec<StoredPart>,
    blobs: Vec<BlobRow>,
    /// Whether there are others, which go.
    leaves_parts: bool,
}

/// What the content of several blobs hashes to.
struct Digests {
    sha256: [u8; 32],
    /// In hexadecimal, if it was asked for.
    md5: Option<String>,
}

impl Service {
    /// Makes the file of an upload's parts, in the order of `part_ids`. `md5`, in hexadecimal, is
    /// checked. The bytes are read once, and not copied; `progress` is called again and again
    /// meanwhile, for whoever waits.
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
        progress: impl Fn() + Send + Sync,
    ) -> Result<UploadRow, Error> {
        let tenant = caller.tenant();
        let upload = self.open_upload(caller, upload_id).await?;
        let parts = self.store.upload_parts(tenant, upload.id).await?;
        let chosen = Chosen::of(parts, part_ids)?;
        chosen.check_size(upload.bytes)?;
        let digests = self
            .digests(tenant, &chosen.blobs, md5.is_some(), progress)
            .await?;
        digests.check_md5(md5)?;
        let now = Timestamp::now();
        let file = file_of(&upload, digests.sha256, now);
        let quota = self.files.quota();
        let completed = self
            .store
            .complete_upload(tenant, upload.id, &file, &chosen.parts, quota, now)
            .await;
        completed.map_err(|error| self.files.refused(error))?;
        if chosen.leaves_parts {
            self.purge_soon().await;
        }
        let state = UploadState::Completed(Box::new(file.into()));
        Ok(described(upload, state))
    }

    /// Reads all bytes once. Those of a single blob are known already, but for their MD5.
    async fn digests(
        &self,
        tenant: &Tenant,
        blobs: &[BlobRow],
        with_md5: bool,
        progress: impl Fn() + Send + Sync,
    ) -> Result<Digests, Error> {
        if let ([only], false) = (blobs, with_md5) {
            return Ok(Digests {
                sha256: only.sha256,
                md5: None,
            });
        }
        let (mut sha256, mut md5) = (Sha256::new(), with_md5.then(Md5::new));
        let failed = |error| self.files.failed(error);
        let opened = self
            .files
            .vault()?
            .open(tenant, &segments(blobs)?, 0..u64::MAX)
            .await;
        let mut bytes = opened.map_err(failed)?;
        while let Some(piece) = bytes.try_next().await.map_err(failed)? {
            sha256.update(&piece);
            if let Some(md5) = &mut md5 {
                md5.update(&piece);
            }
            progress();
        }
        Ok(Digests {
            sha256: sha256.finalize().into(),
            md5: md5.map(|md5| hexadecimal(&md5.finalize())),
        })
    }
}

impl Chosen {
    /// The parts with these ids.
    fn of(parts: Vec<(StoredPart, BlobRow)>, ids: &[String]) -> Result<Self, Error> {
        let known = parts
            .into_iter()
            .map(|(part, blob)| (part.id, (part, blob)));
        let mut known: HashMap<Uuid, _> = known.collect();
        let mut seen = HashSet::new();
        let mut chosen = Self::default();
        for (place, text) in ids.iter().enumerate() {
            let invalid = |detail| Error::invalid(format!("/part_ids/{place}"), detail);
            if !seen.insert(text) {
                return Err(invalid("is named twice"));
            }
            let found = parse_id(PART, text).and_then(|id| known.remove(&id));
            let (part, blob) = found.ok_or_else(|| invalid("is not a part of this upload"))?;
            chosen.parts.push(part);
            chosen.blobs.push(blob);
        }
        chosen.leaves_parts = !known.is_empty();
        Ok(chosen)
    }

    fn check_size(&self, announced: u64) -> Result<(), Error> {
        let found: u64 = self.blobs.iter().map(|blob| blob.bytes).sum();
        if found == announced {
            return Ok(());
        }
        let detail = format!("have {found} bytes together, but {announced} were announced");
        Err(Error::invalid("/part_ids", detail))
    }
}

impl Digests {
    fn check_md5(&self, expected: Option<&str>) -> Result<(), Error> {
        match (expected, &self.md5) {
            (Some(expected), Some(found)) if !found.eq_ignore_ascii_case(expected) => {
                let detail = format!("is not that of the content, which is {found}");
                Err(Error::invalid("/md5", detail))
            }
            _ => Ok(()),
        }
    }
}

/// The file that an upload becomes; its time is counted from now.
fn file_of(upload: &StoredUpload, sha256: [u8; 32], now: Timestamp) -> StoredFile {
    StoredFile {
        id: Uuid::now_v7(),
        filename: upload.filename.clone(),
        purpose: upload.purpose.clone(),
        content_type: upload.content_type.clone(),
        bytes: upload.bytes,
        sha256,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(upload.lifetime_seconds)),
        collections: None,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
