//! Verifies keys and tokens from a bounded cache, and notes their use in batches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::token::{self, AccessClaims, OutsideIssuers, OutsideToken, Tokens};
use super::{ApiKey, Principal, Revocations, Scopes, SecretHash, Who};
use crate::clock::Timestamp;
use crate::error::{Error, Unauthorized};
use crate::ids::{GptId, Tenant};
use crate::lookups::Lookups;
use crate::store::{Store, Uses};

/// How long a verified (or unknown) key or token is trusted without asking the database again, and
/// so how long one that another process revoked may still be accepted. Below the 5 seconds that
/// `key revoke` promises, since a lookup that began before the revocation is cached after it.
const CACHE_TIME: Duration = Duration::from_secs(4);
/// Keys and tokens remembered at once.
const CACHE_KEYS: u64 = 10_000;

/// Turns what a caller shows into a [`Principal`].
pub struct Authenticator {
    store: Store,
    tokens: Tokens,
    outside: OutsideIssuers,
    revocations: Revocations,
    cache: Cache<SecretHash, Known>,
    lookups: Lookups,
    used: Mutex<Used>,
    /// Whom everybody is taken for, where nobody is checked.
    unguarded: Option<Arc<Principal>>,
}

/// What was found out, and how much had been revoked on this node before.
#[derive(Clone)]
struct Known {
    found: Result<Arc<Principal>, Unauthorized>,
    revocations: u64,
}

/// What was used since the last flush.
#[derive(Default)]
struct Used {
    keys: HashMap<SecretHash, Timestamp>,
    applications: Uses,
    sessions: Uses,
}

impl Authenticator {
    /// An authenticator over the keys and sessions in `store`, for tokens that this service or one
    /// of `outside` issued. It believes nothing that it looked up before a revocation was noted.
    #[must_use]
    pub fn new(
        store: Store,
        tokens: Tokens,
        outside: OutsideIssuers,
        revocations: Revocations,
    ) -> Self {
        let cache = Cache::builder()
            .max_capacity(CACHE_KEYS)
            .time_to_live(CACHE_TIME)
            .build();
        Self {
            store,
            tokens,
            outside,
            revocations,
            cache,
            lookups: Lookups::default(),
            used: Mutex::default(),
            unguarded: None,
        }
    }

    /// The same, but it takes everybody for `gpt_id`, when there is one.
    #[must_use]
    pub fn unguarded(mut self, gpt_id: Option<GptId>) -> Self {
        self.unguarded = gpt_id.map(|gpt_id| Arc::new(Principal::of_everybody(gpt_id)));
        self
    }

    /// How often a key or token was known already.
    #[must_use]
    pub fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// The principal of `shown`, a key or a token.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when it is neither, or not good; the store's.
    pub async fn verify(&self, shown: &str) -> Result<Arc<Principal>, Error> {
        if let Some(everybody) = &self.unguarded {
            return Ok(everybody.clone());
        }
        let hash: SecretHash = Sha256::digest(shown).into();
        let known = self.cache.get(&hash);
        let known = known.filter(|known| known.revocations == self.revocations.count());
        let found = match self.lookups.note(known) {
            Some(known) => known.found,
            None => self.load(shown, hash).await?,
        };
        let principal = found.map_err(Error::Unauthorized)?;
        let now = Timestamp::now();
        principal.check(now).map_err(Error::Unauthorized)?;
        self.note_use(hash, &principal, now);
        Ok(principal)
    }

    /// What the database says. What is no key or token at all is not worth remembering.
    async fn load(
        &self,
        shown: &str,
        hash: SecretHash,
    ) -> Result<Result<Arc<Principal>, Unauthorized>, Error> {
        let revocations = self.revocations.count();
        let found = if token::is_jwt(shown) {
            self.load_token(shown).await?
        } else {
            let malformed = Error::Unauthorized(Unauthorized::Malformed);
            let key = ApiKey::parse(shown).ok_or(malformed)?;
            let row = self.store.find_key(&key.hash()).await?;
            row.map(Principal::try_from).transpose()?
        };
        let found = found.map(Arc::new).ok_or(Unauthorized::Unknown);
        let known = Known {
            found: found.clone(),
            revocations,
        };
        self.cache.insert(hash, known);
        Ok(found)
    }

    /// Whom a token stands for; `None` when what it names is gone.
    async fn load_token(&self, shown: &str) -> Result<Option<Principal>, Error> {
        match token::claimed_issuer(shown) {
            None => Err(Error::Unauthorized(Unauthorized::Malformed)),
            Some(issuer) if issuer == self.tokens.issuer() => {
                self.of_session(self.tokens.verify(shown).await?).await
            }
            Some(issuer) => {
                self.of_outside(self.outside.verify(&issuer, shown).await?)
                    .await
            }
        }
    }

    async fn of_session(&self, claims: AccessClaims) -> Result<Option<Principal>, Error> {
        let bad_claim = |_| Error::Unauthorized(Unauthorized::Unknown);
        let gpt_id: GptId = claims.gpt_id.parse().map_err(bad_claim)?;
        let tenant = Tenant::vouched(gpt_id);
        let Some(grant) = self.store.find_session(&tenant, claims.sid).await? else {
            return Ok(None);
        };
        let now = Timestamp::now();
        let scopes: Scopes = claims.scope.parse().unwrap_or_default();
        let revoked_at = (!grant.is_alive(now)).then_some(now);
        let principal = Principal::of_session(grant, &scopes, claims.expires_at())?;
        Ok(Some(Principal {
            revoked_at,
            ..principal
        }))
    }

    async fn of_outside(&self, token: OutsideToken) -> Result<Option<Principal>, Error> {
        let gpt = self.store.get_gpt(&token.gpt_id).await?;
        Ok(gpt.map(|gpt| Principal {
            who: Who::Outside {
                issuer: token.issuer,
                subject: token.subject,
            },
            gpt_id: Some(gpt.id),
            scopes: token.scopes,
            collections: None,
            expires_at: Some(token.expires_at),
            revoked_at: None,
            rate_limits: None,
        }))
    }

    fn note_use(&self, hash: SecretHash, principal: &Principal, now: Timestamp) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        match (&principal.who, &principal.gpt_id) {
            (Who::Key { .. }, _) => {
                used.keys.insert(hash, now);
            }
            (
                Who::Application {
                    application_id,
                    session_id,
                    ..
                },
                Some(gpt_id),
            ) => {
                used.applications
                    .insert((gpt_id.clone(), *application_id), now);
                used.sessions.insert((gpt_id.clone(), *session_id), now);
            }
            _ => {}
        }
    }

    /// Writes the times of last use that came together since the last call, in one statement for
    /// each kind.
    ///
    /// # Errors
    /// The store's; the times are then kept for the next call.
    pub async fn flush_last_used(&self) -> Result<(), Error> {
        let taken = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        let written = self.write_used(&taken).await;
        if written.is_err() {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.put_back(taken);
        }
        written
    }

    async fn write_used(&self, used: &Used) -> Result<(), Error> {
        let keys: Vec<_> = used.keys.iter().map(|(hash, at)| (*hash, *at)).collect();
        self.store.touch_keys(&keys).await?;
        self.store.touch_applications(&used.applications).await?;
        Ok(self.store.touch_sessions(&used.sessions).await?)
    }
}

impl Used {
    /// Takes what could not be written; what was noted since is later.
    fn put_back(&mut self, taken: Self) {
        for (hash, at) in taken.keys {
            self.keys.entry(hash).or_insert(at);
        }
        for (application, at) in taken.applications {
            self.applications.entry(application).or_insert(at);
        }
        for (session, at) in taken.sessions {
            self.sessions.entry(session).or_insert(at);
        }
    }
}
