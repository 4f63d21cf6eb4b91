//! API keys: issued, listed, revoked and rotated by the operator.

use std::time::Duration;

use uuid::Uuid;

use super::Service;
use super::gpts::check_name;
use super::idempotency::internal;
use super::pages::Rows;
use crate::auth::{ApiKey, Scope, Scopes};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::GptId;
use crate::limits::RateLimits;
use crate::store::{KeyRow, NewKey, StoreErrorKind};

/// A key to issue.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// The GPT it belongs to; `None` for an operator's key.
    pub gpt_id: Option<GptId>,
    /// A name for people.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it stops being valid.
    pub expires_at: Option<Timestamp>,
    /// Its own rate limits, which stand before the general ones.
    pub rate_limits: Option<RateLimits>,
}

/// A key that was just issued: the only time that it is seen in clear.
#[derive(Debug)]
pub struct IssuedKey {
    /// The key in clear.
    pub key: ApiKey,
    /// What is kept of it.
    pub row: KeyRow,
}

impl Service {
    /// Issues a key; `None` when there is no such GPT.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`]; the store's.
    pub async fn issue_key(&self, request: KeyRequest) -> Result<Option<IssuedKey>, Error> {
        check_name(&request.name)?;
        if request.gpt_id.is_some() && request.scopes.contains(Scope::Admin) {
            return Err(Error::invalid(
                "scopes",
                "a GPT's key cannot operate the service",
            ));
        }
        let key = ApiKey::generate().map_err(internal)?;
        let row = KeyRow {
            id: format!("key_{}", Uuid::now_v7().simple()),
            gpt_id: request.gpt_id,
            name: request.name,
            scopes: request.scopes.to_string(),
            created_at: Timestamp::now(),
            expires_at: request.expires_at,
            revoked_at: None,
            last_used: None,
            rate_limits: request.rate_limits.map(|limits| limits.to_string()),
        };
        let new = NewKey {
            token_hash: key.hash(),
            id: row.id.clone(),
            gpt_id: row.gpt_id.clone(),
            name: row.name.clone(),
            scopes: row.scopes.clone(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            rate_limits: row.rate_limits.clone(),
        };
        match self.store.create_key(new).await {
            Ok(()) => Ok(Some(IssuedKey { key, row })),
            Err(error) if error.kind() == StoreErrorKind::ForeignKeyViolation => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Up to `limit` keys of one GPT, or of all, oldest first, those behind the key `after`.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_keys(
        &self,
        gpt_id: Option<&GptId>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Rows<KeyRow>, Error> {
        let read = Rows::<KeyRow>::to_read(limit);
        let rows = self.store.list_keys(gpt_id, after, read).await?;
        Ok(Rows::cut(rows, limit))
    }

    /// The key with this public id.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`]; the store's.
    pub async fn get_key(&self, id: &str) -> Result<KeyRow, Error> {
        self.store.get_key(id).await?.ok_or(Error::KeyNotFound)
    }

    /// Changes of the key with this public id what is given; limits that are `None` give way to the
    /// general ones.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a name that is too long; [`Error::KeyNotFound`]; the store's.
    pub async fn update_key(
        &self,
        id: &str,
        name: Option<String>,
        rate_limits: Option<Option<RateLimits>>,
    ) -> Result<KeyRow, Error> {
        name.as_deref().map_or(Ok(()), check_name)?;
        let rate_limits = rate_limits.map(|own| own.map(|limits| limits.to_string()));
        let updated = self.store.update_key(id, name, rate_limits).await?;
        self.revocations.note();
        updated.ok_or(Error::KeyNotFound)
    }

    /// Revokes the key with this public id, now; one that was revoked before keeps its time. `None`
    /// when there is none.
    ///
    /// # Errors
    /// The store's.
    pub async fn revoke_key(&self, id: &str) -> Result<Option<KeyRow>, Error> {
        let revoked = self.store.revoke_key(id, Timestamp::now()).await?;
        self.revocations.note();
        Ok(revoked)
    }

    /// Issues a key with the rights of the key `id`, which stays valid for `grace` more.
    /// `None` when there is no such key.
    ///
    /// # Errors
    /// The store's.
    pub async fn rotate_key(&self, id: &str, grace: Duration) -> Result<Option<IssuedKey>, Error> {
        let Some(old) = self.store.get_key(id).await? else {
            return Ok(None);
        };
        let rate_limits = old.rate_limits.as_deref().map(str::parse).transpose();
        let request = KeyRequest {
            gpt_id: old.gpt_id,
            name: old.name,
            scopes: old.scopes.parse().map_err(internal)?,
            expires_at: old.expires_at,
            rate_limits: rate_limits.map_err(internal)?,
        };
        let issued = self.issue_key(request).await?;
        if grace.is_zero() {
            self.revoke_key(id).await?;
        } else {
            let end = Timestamp::now().plus(grace);
            let end = old.expires_at.map_or(end, |expires_at| expires_at.min(end));
            self.store.set_key_expiry(id, Some(end)).await?;
            self.revocations.note();
        }
        Ok(issued)
    }
}
