//! Bytes that no row knows: those of GPTs that were deleted, and what a crash left.

use std::collections::BTreeMap;
use std::future::ready;
use std::time::Duration;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::Service;
use super::super::idempotency::internal;
use crate::blob::{BlobError, StoredBlob};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::ids::{GptId, Tenant};
use crate::store::NewJob;

/// The kind of jobs that remove the bytes of a GPT that was deleted.
pub const PURGE_GPT: &str = "purge_gpt_files";
/// The kind of jobs that find stored objects that no row knows, and remove them.
pub const PURGE_ORPHANS: &str = "purge_orphans";
/// Attempts to remove the bytes of a GPT: hours, as long as a bucket may be away.
const GPT_ATTEMPTS: u32 = 24;
/// Attempts of a second look; the objects are found again.
const ATTEMPTS: u32 = 3;
/// Objects that are looked up at once.
const LISTED: usize = 500;
/// How long what no row knows is given to get one, whatever its age: S3 says when a long upload
/// began, and a row is written within the time of a request after it has ended.
const SECOND_LOOK: Duration = Duration::from_secs(2 * 60);

/// Ids of blobs by their GPT.
type Blobs = BTreeMap<GptId, Vec<Uuid>>;

/// What a look for orphans did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Stored objects that no row knows, and that are looked at once more.
    pub found: u64,
    /// Stored objects that were removed.
    pub removed: u64,
}

/// What is left of a GPT that was deleted.
#[derive(Serialize, Deserialize)]
struct LeftBehind {
    gpt_id: String,
    deleted_at: Timestamp,
}

/// What a first look found, by GPT; nothing before it.
#[derive(Serialize, Deserialize)]
struct Suspects {
    #[serde(default)]
    unknown: Vec<(String, Vec<Uuid>)>,
}

impl Service {
    /// The job that removes the bytes of a GPT which is deleted now; `None` where no files are
    /// served.
    ///
    /// # Errors
    /// None that a caller could bring about.
    pub(in crate::service) fn purge_of(&self, gpt_id: &GptId) -> Result<Option<NewJob>, Error> {
        if !self.serves_files() {
            return Ok(None);
        }
        let deleted_at = Timestamp::now();
        let left = LeftBehind {
            gpt_id: gpt_id.to_string(),
            deleted_at,
        };
        let payload = serde_json::to_string(&left).map_err(internal)?;
        Ok(Some(NewJob {
            payload: Document::parse(&payload, &self.limits.document()).map_err(internal)?,
            ..NewJob::of_house(PURGE_GPT, GPT_ATTEMPTS, deleted_at)
        }))
    }

    /// Removes the bytes of a GPT that was deleted, as `payload` says, and says how many objects
    /// there were. What is not removed now is found again as what no row knows. A GPT that was made
    /// again under the same id keeps what it has: its blobs are younger, or have rows.
    ///
    /// # Errors
    /// The vault's and the store's; [`Error::Internal`] for a payload that is none.
    pub async fn purge_gpt(&self, payload: &Document) -> Result<u64, Error> {
        let left: LeftBehind = serde_json::from_str(payload.as_str()).map_err(internal)?;
        let tenant = Tenant::vouched(left.gpt_id.parse().map_err(internal)?);
        let found = self.files.vault()?.list_of(&tenant);
        let old = found.try_filter(|found| ready(is_older(found.blob, left.deleted_at)));
        let mut listed = old.try_chunks(LISTED);
        let mut removed = 0;
        while let Some(batch) = listed
            .try_next()
            .await
            .map_err(|error| self.files.failed(error.1))?
        {
            removed += self.remove_unknown(by_gpt(batch)).await?;
        }
        Ok(removed)
    }

    /// Looks at every stored object, and asks for a second look at those that have lain for the
    /// configured time and that no row knows; removes drafts of that age. The second look, whose
    /// `payload` names them, removes those that no row knows by then.
    ///
    /// # Errors
    /// The vault's and the store's; [`Error::Internal`] for a payload that is none.
    pub async fn purge_orphans(&self, payload: &Document) -> Result<Orphans, Error> {
        let found: Suspects = serde_json::from_str(payload.as_str()).map_err(internal)?;
        let mut orphans = Orphans::default();
        if found.unknown.is_empty() {
            orphans.found = self.look_for_orphans().await?;
        } else {
            let found = found.unknown.into_iter().map(|(gpt_id, ids)| {
                let gpt_id = gpt_id.parse().map_err(internal)?;
                Ok((gpt_id, ids))
            });
            orphans.removed = self
                .remove_unknown(found.collect::<Result<_, Error>>()?)
                .await?;
        }
        Ok(orphans)
    }

    async fn look_for_orphans(&self) -> Result<u64, Error> {
        let vault = self.files.vault()?;
        let failed = |error: BlobError| self.files.failed(error);
        let before = Timestamp::now().minus(self.files.rules().orphan_age);
        let drafts = vault.bucket().remove_unfinished(before).await;
        drafts.map_err(failed)?;
        let old = vault
            .list()
            .try_filter(|found| ready(found.modified < before));
        let mut listed = old.try_chunks(LISTED);
        let mut found = 0;
        while let Some(batch) = listed.try_next().await.map_err(|error| failed(error.1))? {
            let unknown = self.unknown(by_gpt(batch)).await?;
            if !unknown.is_empty() {
                found += unknown.values().map(|ids| ids.len() as u64).sum::<u64>();
                self.ask_for_second_look(unknown).await?;
            }
        }
        Ok(found)
    }

    async fn ask_for_second_look(&self, unknown: Blobs) -> Result<(), Error> {
        let named = unknown.into_iter().map(|(id, ids)| (id.to_string(), ids));
        let unknown = named.collect();
        let payload = serde_json::to_string(&Suspects { unknown }).map_err(internal)?;
        let now = Timestamp::now();
        let second_look = NewJob {
            payload: Document::from_canonical(payload),
            run_at: now.plus(SECOND_LOOK.min(self.files.rules().orphan_age)),
            ..NewJob::of_house(PURGE_ORPHANS, ATTEMPTS, now)
        };
        self.queue.enqueue(&second_look).await?;
        Ok(())
    }

    /// Removes those of `found` that no row knows, and says how many objects.
    async fn remove_unknown(&self, found: Blobs) -> Result<u64, Error> {
        let mut removed = 0;
        for (gpt_id, ids) in self.unknown(found).await? {
            let tenant = Tenant::vouched(gpt_id);
            for id in ids {
                self.remove_bytes(&tenant, id).await?;
                removed += 1;
            }
        }
        self.count_removed(removed);
        Ok(removed)
    }

    /// Those of `found` that no row knows.
    async fn unknown(&self, found: Blobs) -> Result<Blobs, Error> {
        let mut unknown = Blobs::new();
        for (gpt_id, mut ids) in found {
            let known = self.store.known_blobs(&gpt_id, &ids).await?;
            ids.retain(|id| !known.contains(id));
            if !ids.is_empty() {
                unknown.insert(gpt_id, ids);
            }
        }
        Ok(unknown)
    }
}

/// Whether a blob was begun before `moment`, by the time in its id.
fn is_older(blob: Uuid, moment: Timestamp) -> bool {
    let begun = blob.get_timestamp().map(|time| time.to_unix());
    let millis = begun.map(|(seconds, nanos)| seconds * 1000 + u64::from(nanos) / 1_000_000);
    let moment = u64::try_from(moment.as_micros() / 1000).unwrap_or_default();
    millis.is_some_and(|millis| millis <= moment)
}

fn by_gpt(found: Vec<StoredBlob>) -> Blobs {
    let mut blobs = Blobs::new();
    for found in found {
        blobs.entry(found.gpt_id).or_default().push(found.blob);
    }
    blobs
}
