//! Requests that may be sent twice and must take effect once.
//!
//! The first answer is stored in the transaction that made the change, so the two are there
//! together or not at all. While that transaction runs, another request with the same key is told
//! so: on PostgreSQL by an advisory lock, on SQLite by a set in this process, the only one there.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};

use super::entity::idempotency_keys;
use super::{Backend, CreateOnceError, Store, StoreError};
use crate::clock::Timestamp;
use crate::ids::Tenant;

/// What identifies a request that may be sent twice.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// SHA-256 of the key that the client chose.
    pub key_hash: [u8; 32],
    /// SHA-256 of what the request asks for; the same key with another one is a mistake.
    pub fingerprint: [u8; 32],
    /// The present moment: a key that expired before it counts as never used.
    pub now: Timestamp,
    /// Until when the answer is kept.
    pub expires_at: Timestamp,
}

/// What a key says about a request.
pub(super) enum Claim {
    /// It is the first with this key.
    First,
    /// It was answered with this before.
    Answered(String),
    /// It was used for another request.
    Mismatch,
    /// A request with this key is running.
    Running,
}

/// The keys of requests that run in this process.
#[derive(Clone, Default)]
pub(super) struct RunningKeys {
    keys: Arc<Mutex<HashSet<[u8; 32]>>>,
}

/// Takes a key out of [`RunningKeys`] when it is dropped.
pub(super) struct RunningKey {
    key: [u8; 32],
    running: RunningKeys,
}

impl RunningKeys {
    fn claim(&self, key: [u8; 32]) -> Option<RunningKey> {
        let claimed = self.lock().insert(key);
        claimed.then(|| RunningKey {
            key,
            running: self.clone(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunningKey {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}

impl Store {
    /// Deletes answers that expired before `now`, in batches, and says how many there were.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn sweep_idempotency_keys(&self, now: Timestamp) -> Result<u64, StoreError> {
        const BATCH: u64 = 500;
        let mut swept = 0;
        loop {
            let deleted = self.sweep_batch(now, BATCH).await?;
            swept += deleted;
            if deleted < BATCH {
                return Ok(swept);
            }
        }
    }

    /// Small transactions, so that nobody waits long behind a sweep.
    async fn sweep_batch(&self, now: Timestamp, most: u64) -> Result<u64, StoreError> {
        let skip_locked = self.locking(" FOR UPDATE SKIP LOCKED");
        let delete = self.statement(
            format!(
                "DELETE FROM idempotency_keys WHERE (gpt_id, key_hash) IN (\
                 SELECT gpt_id, key_hash FROM idempotency_keys \
                 WHERE expires_at <= $1 ORDER BY expires_at LIMIT {most}{skip_locked})"
            ),
            [now.into()],
        );
        let deleted = self.database().writes().execute_raw(delete).await?;
        Ok(deleted.rows_affected())
    }

    /// Marks the key as running, before the transaction begins; the mark is to be dropped after it
    /// has ended. `None` when a request with this key is running in this process.
    ///
    /// On PostgreSQL the advisory lock within the transaction does the same for all processes.
    pub(super) fn mark_running(
        &self,
        tenant: &Tenant,
        idempotency: &Idempotency,
    ) -> Option<RunningKey> {
        self.inner.running_keys.claim(lock_key(tenant, idempotency))
    }

    /// The answer kept for this request, if it was answered before.
    ///
    /// # Errors
    ///
    /// [`CreateOnceError::IdempotencyMismatch`] when the key belongs to another request; what the
    /// database reports.
    pub async fn kept_answer(
        &self,
        tenant: &Tenant,
        idempotency: &Idempotency,
    ) -> Result<Option<String>, CreateOnceError> {
        let known = self
            .find_answer(self.database().reads(), tenant, idempotency)
            .await?;
        match known {
            Some((fingerprint, answer)) if fingerprint == idempotency.fingerprint => {
                Ok(Some(answer))
            }
            Some(_) => Err(CreateOnceError::IdempotencyMismatch),
            None => Ok(None),
        }
    }

    /// Finds out what the key says about this request, within the transaction that will serve it.
    pub(super) async fn claim_key(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        idempotency: &Idempotency,
    ) -> Result<Claim, StoreError> {
        if self.backend() == Backend::Postgres
            && !self
                .try_advisory_lock(transaction, lock_key(tenant, idempotency))
                .await?
        {
            return Ok(Claim::Running);
        }
        let known = self.find_answer(transaction, tenant, idempotency).await?;
        Ok(match known {
            None => Claim::First,
            Some((fingerprint, answer)) if fingerprint == idempotency.fingerprint => {
                Claim::Answered(answer)
            }
            Some(_) => Claim::Mismatch,
        })
    }

    /// Stores the answer, in the place of one that has expired.
    pub(super) async fn keep_answer(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        idempotency: &Idempotency,
        answer: &str,
    ) -> Result<(), StoreError> {
        let upsert = self.statement(
            "INSERT INTO idempotency_keys \
             (gpt_id, key_hash, fingerprint, answer, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (gpt_id, key_hash) DO UPDATE SET fingerprint = excluded.fingerprint, \
             answer = excluded.answer, created_at = excluded.created_at, \
             expires_at = excluded.expires_at",
            [
                tenant.gpt_id().into(),
                idempotency.key_hash.to_vec().into(),
                idempotency.fingerprint.to_vec().into(),
                answer.into(),
                idempotency.now.into(),
                idempotency.expires_at.into(),
            ],
        );
        transaction.execute_raw(upsert).await?;
        Ok(())
    }

    pub(super) async fn try_advisory_lock(
        &self,
        transaction: &DatabaseTransaction,
        [a, b, c, d, e, f, g, h, ..]: [u8; 32],
    ) -> Result<bool, StoreError> {
        let key = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let lock = self.statement("SELECT pg_try_advisory_xact_lock($1)", [key.into()]);
        let row = transaction.query_one_raw(lock).await?;
        let row = row.ok_or_else(|| StoreError::bug("no row from a function"))?;
        Ok(row.try_get_by_index(0)?)
    }

    async fn find_answer(
        &self,
        connection: &impl ConnectionTrait,
        tenant: &Tenant,
        idempotency: &Idempotency,
    ) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let id = (tenant.gpt_id().to_string(), idempotency.key_hash.to_vec());
        let row = idempotency_keys::Entity::find_by_id(id)
            .filter(idempotency_keys::Column::ExpiresAt.gt(idempotency.now))
            .one(connection)
            .await?;
        Ok(row.map(|row| (row.fingerprint, row.answer)))
    }
}

/// The same key of two tenants is two keys.
pub(super) fn lock_key(tenant: &Tenant, idempotency: &Idempotency) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(tenant.gpt_id().as_str());
    hash.update([0]);
    hash.update(idempotency.key_hash);
    hash.finalize().into()
}
