//! The purge: what is over is deleted, and the bytes of what is deleted are removed.

use std::time::Duration;

use futures::{StreamExt, stream};
use uuid::Uuid;

use super::super::Service;
use crate::clock::Timestamp;
use crate::error::{Error, chain};
use crate::ids::Tenant;
use crate::store::{ClaimedBlob, JobState, NewJob, StoreErrorKind, UploadStage, WriteError};

/// The kind of jobs that end what has expired and remove the bytes of what was deleted.
pub const PURGE: &str = "purge_files";
/// Attempts of a purge, which comes round anyway.
const ATTEMPTS: u32 = 3;
/// Rows that are dealt with before others have their turn.
const BATCH: u64 = 100;
/// Removals under way at once.
const REMOVALS: usize = 8;
/// How long a blob that is being removed is nobody else's business: longer than a batch takes.
const LEASE: Duration = Duration::from_secs(2 * 60);
/// The longest pause between two attempts to remove a blob.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// How long the rows of deleted files and ended uploads stay.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

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
        let removed = self.remove_bytes(&tenant, blob.id).await;
        (blob, removed)
    }

    /// Removes a stored object, whatever rows say.
    pub(super) async fn remove_bytes(&self, tenant: &Tenant, blob: Uuid) -> Result<(), Error> {
        let removed = self.files.vault()?.delete(tenant, blob).await;
        removed.map_err(|error| self.files.failed(error))
    }

    pub(super) fn count_removed(&self, count: u64) {
        self.files.counters().add(|all| &all.swept, count);
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
