//! The purge: what is over is deleted, what is deleted is removed, and what nobody knows is found.

use std::collections::BTreeMap;
use std::future::ready;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::Service;
use super::super::idempotency::internal;
use crate::blob::{BlobError, StoredBlob};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::{Error, chain};
use crate::ids::{GptId, Tenant};
use crate::store::{ClaimedBlob, JobState, NewJob, StoreErrorKind, UploadStage, WriteError};

/// The kind of jobs that end what has expired and remove the bytes of what was deleted.
pub const PURGE: &str = "purge_files";
/// The kind of jobs that remove the bytes of a GPT that was deleted.
pub const PURGE_GPT: &str = "purge_gpt_files";
/// The kind of jobs that remove stored objects that no row knows.
pub const PURGE_ORPHANS: &str = "purge_orphans";
/// Attempts of a purge, which comes round anyway.
const ATTEMPTS: u32 = 3;
/// Attempts to remove the bytes of a GPT: hours, as long as a bucket may be away.
const GPT_ATTEMPTS: u32 = 24;
/// Rows that are dealt with before others have their turn.
const BATCH: u64 = 100;
/// Objects that are looked up at once.
const LISTED: usize = 500;
/// Removals under way at once.
const REMOVALS: usize = 8;
/// How long a blob that is being removed is nobody else's business: longer than a batch takes.
const LEASE: Duration = Duration::from_secs(2 * 60);
/// The longest pause between two attempts to remove a blob.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// How long the rows of deleted files and ended uploads stay.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long what no row knows is given to get one, whatever its age: S3 says when a long upload
/// began, and a row is written within the time of a request after it has ended.
const SECOND_LOOK: Duration = Duration::from_secs(2 * 60);

/// Ids of blobs by their GPT.
type Blobs = BTreeMap<GptId, Vec<Uuid>>;

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Files and uploads whose time was over.
    pub expired: u64,
    /// Stored objects that were removed.
    pub removed: u64,
    /// Stored objects that could not be removed, and will be tried again.
    pub failed: u64,
    /// Rows of what ended long ago.
    pub forgotten: u64,
}

/// What is left of a GPT that was deleted.
#[derive(Serialize, Deserialize)]
struct LeftBehind {
    gpt_id: String,
    deleted_at: Timestamp,
}

impl Service {
    /// Asks for a purge, because a file was deleted or the like. When nobody can be asked, the one
    /// that comes round makes up for it.
    pub(super) async fn purge_soon(&self) {
        let job = NewJob::of_house(PURGE, ATTEMPTS, Timestamp::now());
        // One that nobody has begun will see what was deleted.
        let asked = self.queue.enqueue_unless(&job, &[JobState::Queued]).await;
        if let Err(error) = asked {
            tracing::debug!(cause = chain(&error), "no purge can be asked for");
        }
    }

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

    /// Ends what has expired and removes the bytes of what was deleted. It can be given up at any
    /// moment; the next one goes on, on whichever replica.
    ///
    /// # Errors
    /// The store's. A bucket that fails is logged, and tried again later.
    pub async fn purge_files(&self) -> Result<Purged, Error> {
        self.files.vault()?;
        let now = Timestamp::now();
        let mut purged = Purged {
            expired: self.end_files(now).await? + self.end_uploads(now).await?,
            ..Purged::default()
        };
        while self.remove_batch(&mut purged).await? {}
        let long_ago = now.minus(REMEMBERED);
        purged.forgotten = self.store.forget_ended_files(long_ago).await?;
        Ok(purged)
    }

    /// Removes objects that have lain for the configured time and that no row knows, and drafts of
    /// that age. Says how many objects.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub async fn purge_orphans(&self) -> Result<u64, Error> {
        let before = Timestamp::now().minus(self.files.rules().orphan_age);
        self.remove_orphans_before(before).await
    }

    /// Removes the bytes of a GPT that was deleted, as `payload` says, and says how many objects
    /// there were. What is not removed now is found again as what no row knows.
    ///
    /// # Errors
    /// The vault's and the store's; [`Error::Internal`] for a payload that is none.
    pub async fn purge_gpt(&self, payload: &Document) -> Result<u64, Error> {
        let left: LeftBehind = serde_json::from_str(payload.as_str()).map_err(internal)?;
        let gpt_id = left.gpt_id.parse().map_err(internal)?;
        self.remove_files_of(&gpt_id, left.deleted_at).await
    }

    /// Removes what a GPT had when it was deleted. A GPT that was made again under the same id keeps
    /// what it has: its blobs are younger, or have rows.
    async fn remove_files_of(&self, gpt_id: &GptId, deleted_at: Timestamp) -> Result<u64, Error> {
        let tenant = Tenant::vouched(gpt_id.clone());
        let found = self.files.vault()?.list_of(&tenant);
        let old = found.try_filter(|found| ready(is_older(found.blob, deleted_at)));
        let mut listed = old.try_chunks(LISTED);
        let mut removed = 0;
        while let Some(batch) = listed.try_next().await.map_err(|error| error.1)? {
            let unknown = self.unknown(by_gpt(batch)).await?;
            removed += self.remove_all(unknown).await?;
        }
        Ok(removed)
    }

    async fn end_files(&self, now: Timestamp) -> Result<u64, Error> {
        let mut ended = 0;
        loop {
            let found = self.store.expired_files(now, BATCH).await?;
            for (gpt_id, id) in &found {
                let tenant = Tenant::vouched(gpt_id.clone());
                let deleted = self.store.delete_file(&tenant, *id, now).await;
                ended += u64::from(unless_gone(deleted.map_err(WriteError::<()>::Store))?);
            }
            if found.len() < BATCH as usize {
                return Ok(ended);
            }
        }
    }

    async fn end_uploads(&self, now: Timestamp) -> Result<u64, Error> {
        let mut ended = 0;
        loop {
            let found = self.store.expired_uploads(now, BATCH).await?;
            for (gpt_id, id) in &found {
                let tenant = Tenant::vouched(gpt_id.clone());
                let stage = UploadStage::Expired;
                let done = self.store.end_upload(&tenant, *id, stage, now).await;
                ended += u64::from(unless_gone(done.map(|_| true))?);
            }
            if found.len() < BATCH as usize {
                return Ok(ended);
            }
        }
    }

    /// Removes some of what is due. False when there is nothing more to do now.
    async fn remove_batch(&self, purged: &mut Purged) -> Result<bool, Error> {
        let now = Timestamp::now();
        let claimed = self.store.claim_blobs(now, now.plus(LEASE), BATCH).await?;
        let count = claimed.len();
        let outcomes: Vec<_> = stream::iter(claimed)
            .map(|blob| self.remove(blob))
            .buffer_unordered(REMOVALS)
            .collect()
            .await;
        let (mut removed, mut put_off) = (Vec::new(), Vec::new());
        for (blob, outcome) in outcomes {
            match outcome {
                Ok(()) => removed.push(blob),
                Err(error) => {
                    let (id, attempts, cause) = (blob.id, blob.attempts, chain(&error));
                    tracing::warn!(blob = %id, attempts, cause, "a blob cannot be removed yet");
                    let until = now.plus(pause(attempts));
                    put_off.push((blob, until));
                }
            }
        }
        self.store.settle_blobs(&removed, &put_off).await?;
        self.count_removed(removed.len() as u64);
        purged.removed += removed.len() as u64;
        purged.failed += put_off.len() as u64;
        // A bucket that fails is left alone until the next round.
        Ok(count == BATCH as usize && put_off.is_empty())
    }

    async fn remove(&self, blob: ClaimedBlob) -> (ClaimedBlob, Result<(), Error>) {
        let tenant = Tenant::vouched(blob.gpt_id.clone());
        let removed = async {
            let removed = self.files.vault()?.delete(&tenant, blob.id).await;
            removed.map_err(|error| self.files.failed(error))
        };
        let removed = removed.await;
        (blob, removed)
    }

    async fn remove_orphans_before(&self, before: Timestamp) -> Result<u64, Error> {
        let vault = self.files.vault()?;
        let failed = |error: BlobError| self.files.failed(error);
        let drafts = vault.bucket().remove_unfinished(before).await;
        drafts.map_err(failed)?;
        let old = vault
            .list()
            .try_filter(|found| ready(found.modified < before));
        let mut listed = old.try_chunks(LISTED);
        let mut unknown = Blobs::new();
        while let Some(batch) = listed.try_next().await.map_err(|error| failed(error.1))? {
            merge(&mut unknown, self.unknown(by_gpt(batch)).await?);
        }
        if unknown.is_empty() {
            return Ok(0);
        }
        tokio::time::sleep(SECOND_LOOK.min(self.files.rules().orphan_age)).await;
        let unknown = self.unknown(unknown).await?;
        self.remove_all(unknown).await
    }

    /// Those of `found` that no row knows.
    async fn unknown(&self, found: Blobs) -> Result<Blobs, Error> {
        let mut unknown = Blobs::new();
        for (gpt_id, ids) in found {
            let mut left = Vec::new();
            for ids in ids.chunks(LISTED) {
                let known = self.store.known_blobs(&gpt_id, ids).await?;
                left.extend(ids.iter().copied().filter(|id| !known.contains(id)));
            }
            if !left.is_empty() {
                unknown.insert(gpt_id, left);
            }
        }
        Ok(unknown)
    }

    async fn remove_all(&self, blobs: Blobs) -> Result<u64, Error> {
        let mut removed = 0;
        for (gpt_id, ids) in blobs {
            let tenant = Tenant::vouched(gpt_id);
            for id in ids {
                let deleted = self.files.vault()?.delete(&tenant, id).await;
                deleted.map_err(|error| self.files.failed(error))?;
                removed += 1;
            }
        }
        self.count_removed(removed);
        Ok(removed)
    }

    fn count_removed(&self, count: u64) {
        self.files.counters().add(|all| &all.swept, count);
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

fn merge(blobs: &mut Blobs, more: Blobs) {
    for (gpt_id, ids) in more {
        blobs.entry(gpt_id).or_default().extend(ids);
    }
}

/// What an ending came to; false when somebody else was first, or the GPT has gone.
fn unless_gone<E>(ended: Result<bool, WriteError<E>>) -> Result<bool, Error> {
    match ended {
        Ok(ended) => Ok(ended),
        Err(WriteError::Refused(_)) => Ok(false),
        Err(WriteError::Store(error)) if error.kind() == StoreErrorKind::ForeignKeyViolation => {
            Ok(false)
        }
        Err(WriteError::Store(error)) => Err(error.into()),
    }
}

/// 2 s after the first attempt, doubling, up to an hour.
fn pause(attempts: u32) -> Duration {
    let pause = 2_u64.saturating_pow(attempts);
    Duration::from_secs(pause).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let pauses = [1, 2, 3, 11, 12, 1000].map(|attempts| pause(attempts).as_secs());
        assert_eq!(pauses, [2, 4, 8, 2048, 3600, 3600]);
    }
}
