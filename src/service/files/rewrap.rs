//! Rotating master keys: every blob's own key is wrapped anew, and no object is touched.

use super::super::Service;
use super::content::segment;
use crate::blob::WrappedKey;
use crate::error::{Error, chain};
use crate::ids::Tenant;
use crate::store::{Rewrapped, TenantBlob};

/// Keys in one transaction.
const BATCH: u64 = 500;

/// What a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RewrapReport {
    /// The id of the master key that wraps now.
    pub key_id: u32,
    /// Keys that were wrapped anew.
    pub rewrapped: u64,
    /// Keys that could not be: their master key is missing, or they are damaged.
    pub failed: u64,
}

impl Service {
    /// Wraps the keys of all blobs by the current master key, while servers go on.
    ///
    /// # Errors
    /// The store's. A key that cannot be unwrapped is counted and logged.
    pub async fn rewrap_files(&self) -> Result<RewrapReport, Error> {
        let key_id = self.files.vault()?.current_key_id();
        let mut report = RewrapReport {
            key_id,
            ..RewrapReport::default()
        };
        let mut last: Option<TenantBlob> = None;
        loop {
            let found = self
                .store
                .blobs_to_rewrap(key_id, last.as_ref(), BATCH)
                .await?;
            if found.is_empty() {
                return Ok(report);
            }
            last = found.last().cloned();
            self.rewrap_batch(found, &mut report).await?;
        }
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
