//! Verifies keys from a bounded cache, and notes their use in batches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::{ApiKey, Scopes, SecretHash};
use crate::clock::Timestamp;
use crate::error::{Error, Unauthorized};
use crate::ids::GptId;
use crate::limits::RateLimits;
use crate::store::{KeyRow, Store};

/// How long a verified (or unknown) key is trusted without asking the database again, and so how
/// long a key that another process revoked may still be accepted. Below the 5 seconds that
/// `key revoke` promises, since a lookup that began before the revocation is cached after it.
const CACHE_TIME: Duration = Duration::from_secs(4);
/// Keys remembered at once.
const CACHE_KEYS: u64 = 10_000;

/// Whom a key stands for.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The key's public id.
    pub key_id: String,
    /// The GPT it belongs to; `None` for an operator's key.
    pub gpt_id: Option<GptId>,
    /// What it may do.
    pub scopes: Scopes,
    /// When it stops being valid.
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// Its own rate limits, which stand before the general ones.
    pub rate_limits: Option<RateLimits>,
}

impl Principal {
    fn check(&self, now: Timestamp) -> Result<(), Unauthorized> {
        let past = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= now);
        if past(self.revoked_at) {
            return Err(Unauthorized::Revoked);
        }
        if past(self.expires_at) {
            return Err(Unauthorized::Expired);
        }
        Ok(())
    }
}

impl TryFrom<KeyRow> for Principal {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<Self, Error> {
        let rate_limits = row.rate_limits.as_deref().map(str::parse).transpose();
        Ok(Self {
            scopes: row.scopes.parse().map_err(internal)?,
            rate_limits: rate_limits.map_err(internal)?,
            key_id: row.id,
            gpt_id: row.gpt_id,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        })
    }
}

fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(cause))
}

/// Turns a bearer token into a [`Principal`].
pub struct Authenticator {
    store: Store,
    cache: Cache<SecretHash, Option<Arc<Principal>>>,
    used: Mutex<HashMap<SecretHash, Timestamp>>,
}

impl Authenticator {
    /// An authenticator over the keys in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let cache = Cache::builder()
            .max_capacity(CACHE_KEYS)
            .time_to_live(CACHE_TIME)
            .build();
        Self {
            store,
            cache,
            used: Mutex::default(),
        }
    }

    /// The principal of `token`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when the token is no valid key; the store's errors.
    pub async fn verify(&self, token: &str) -> Result<Arc<Principal>, Error> {
        let key = ApiKey::parse(token).ok_or(Error::Unauthorized(Unauthorized::Malformed))?;
        let hash = key.hash();
        let principal = match self.cache.get(&hash) {
            Some(known) => known,
            None => self.load(hash).await?,
        };
        let principal = principal.ok_or(Error::Unauthorized(Unauthorized::Unknown))?;
        let now = Timestamp::now();
        principal.check(now).map_err(Error::Unauthorized)?;
        self.note_use(hash, now);
        Ok(principal)
    }

    async fn load(&self, hash: SecretHash) -> Result<Option<Arc<Principal>>, Error> {
        let row = self.store.find_key(&hash).await?;
        let principal = row.map(Principal::try_from).transpose()?.map(Arc::new);
        self.cache.insert(hash, principal.clone());
        Ok(principal)
    }

    /// Forgets what was remembered of all keys, so that this node follows a change at once. Changes
    /// are rare, and what is forgotten is one look into the database for each key.
    pub fn forget(&self) {
        self.cache.invalidate_all();
    }

    fn note_use(&self, hash: SecretHash, now: Timestamp) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(hash, now);
    }

    /// Writes the times of last use that came together since the last call, in one statement.
    ///
    /// # Errors
    /// The store's; the times are then kept for the next call.
    pub async fn flush_last_used(&self) -> Result<(), Error> {
        let taken = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() {
            return Ok(());
        }
        let batch: Vec<_> = taken.iter().map(|(hash, at)| (*hash, *at)).collect();
        let written = self.store.touch_keys(&batch).await;
        if written.is_err() {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            for (hash, at) in taken {
                used.entry(hash).or_insert(at);
            }
        }
        Ok(written?)
    }
}
