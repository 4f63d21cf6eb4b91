//! Rotating master keys: every blob's own key is wrapped anew, and no object is touched.

use serde::{Deserialize, Serialize};

use super::super::Service;
use super::super::idempotency::internal;
use super::content::segment;
use crate::blob::{Vault, WrappedKey};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::{Error, chain};
use crate::ids::Tenant;
use crate::store::{Holding, JobRow, Rewrapped, TenantBlob};

/// Keys in one transaction.
const BATCH: u64 = 500;

/// What a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RewrapReport {
    /// The id of the master key that wraps now.
    pub key_id: u32,
    /// Keys that were wrapped anew.
    pub rewrapped: u64,
    /// Keys that could not be: their master key is missing, or they are damaged.
    pub failed: u64,
}

impl RewrapReport {
    /// As the job keeps it. It can be written; an empty text would be none that a database takes.
    #[must_use]
    pub fn to_document(&self) -> Document {
        Document::from_canonical(serde_json::to_string(self).unwrap_or_default())
    }
}

impl Service {
    /// Whether the current master key is the latest of several: then something may still stand
    /// under an older one. A server that only knows the next one already must wrap nothing back.
    #[must_use]
    pub fn has_older_file_keys(&self) -> bool {
        self.files.vault().is_ok_and(Vault::is_after_rotation)
    }

    /// Does the job of wrapping the keys of all blobs by the current master key, and keeps after
    /// each batch how far it is. Whoever takes it over finds only what is left. `None` when somebody
    /// else has it by now.
    ///
    /// # Errors
    /// As [`Self::rewrap_files`].
    pub async fn run_rewrap(
        &self,
        job: &JobRow,
        held: &Holding,
    ) -> Result<Option<RewrapReport>, Error> {
        let mut report: RewrapReport =
            serde_json::from_str(job.progress.as_str()).map_err(internal)?;
        // What could not be unwrapped is met again.
        report.failed = 0;
        if !self.has_older_file_keys() {
            return Ok(Some(report));
        }
        let mut last = None;
        while self.rewrap_next(&mut last, &mut report).await? {
            let (progress, now) = (report.to_document(), Timestamp::now());
            if !self.store.note_job_progress(held, &progress, now).await? {
                return Ok(None);
            }
        }
        Ok(Some(report))
    }

    /// Wraps the keys of all blobs by the current master key, while servers go on.
    ///
    /// # Errors
    /// The store's. A key that cannot be unwrapped is counted and logged.
    pub async fn rewrap_files(&self) -> Result<RewrapReport, Error> {
        let mut report = RewrapReport::default();
        let mut last = None;
        while self.rewrap_next(&mut last, &mut report).await? {}
        Ok(report)
    }

    /// Wraps the keys of the blobs behind `last`. False when there are none any more.
    async fn rewrap_next(
        &self,
        last: &mut Option<TenantBlob>,
        report: &mut RewrapReport,
    ) -> Result<bool, Error> {
        report.key_id = self.files.vault()?.current_key_id();
        let found = self
            .store
            .blobs_to_rewrap(report.key_id, last.as_ref(), BATCH)
            .await?;
        if found.is_empty() {
            return Ok(false);
        }
        *last = found.last().cloned();
        self.rewrap_batch(found, report).await?;
        Ok(true)
    }

    async fn rewrap_batch(
        &self,
        found: Vec<TenantBlob>,
        report: &mut RewrapReport,
    ) -> Result<(), Error> {
        let mut rewrapped = Vec::with_capacity(found.len());
        for blob in found {
            match self.rewrap(&blob) {
                Ok(wrapped) => rewrapped.push(Rewrapped {
                    before: blob,
                    key_id: wrapped.key_id(),
                    wrapped_key: wrapped.sealed().to_vec(),
                }),
                Err(error) => {
                    let (blob, cause) = (blob.blob.id, chain(&error));
                    tracing::error!(%blob, cause, "a key cannot be wrapped anew");
                    report.failed += 1;
                }
            }
        }
        report.rewrapped += self.store.rewrap_blobs(&rewrapped).await?;
        Ok(())
    }

    fn rewrap(&self, found: &TenantBlob) -> Result<WrappedKey, Error> {
        // The operator stands above tenants.
        let tenant = Tenant::vouched(found.gpt_id.clone());
        let segment = segment(&found.blob)?;
        Ok(self.files.vault()?.rewrap(&tenant, &segment)?)
    }
}
