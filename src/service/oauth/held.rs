//! Tokens that somebody holds: what they are good for (RFC 7662), and giving them back (RFC 7009).

use serde_json::{Map, Value, json};

use super::OAuth;
use super::client::Client;
use super::grants::standing;
use super::refusal::{GrantError, Refusal, RefusalCode};
use crate::auth::{RefreshToken, Scopes};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::Tenant;
use crate::service::idempotency::internal;
use crate::store::{EndReason, SessionGrant};

/// Who asks about a token.
#[derive(Debug)]
pub enum Asker {
    /// A client, which sees its own.
    Client(Box<Client>),
    /// An operator, who sees all.
    Operator,
}

/// What is told of a token that is good.
#[derive(Clone, Debug, PartialEq)]
pub struct Introspection(Map<String, Value>);

impl From<Introspection> for Value {
    fn from(seen: Introspection) -> Self {
        Self::Object(seen.0)
    }
}

/// A token of ours, as it was issued.
struct Held {
    session: SessionGrant,
    /// What it allowed then.
    scopes: Scopes,
    expires_at: Timestamp,
    was_used: bool,
    /// What only an access token says.
    claims: Value,
}

impl OAuth {
    /// Ends the session that `token` belongs to, and with it every token of it, and gives the
    /// session. `None` for a token that there is not, which is as good (RFC 7009, 2.2).
    ///
    /// # Errors
    /// `unauthorized_client` for a token of another client; the store's.
    pub async fn revoke(
        &self,
        client: &Client,
        token: &str,
    ) -> Result<Option<SessionGrant>, GrantError> {
        let Some(held) = self.held(token).await? else {
            return Ok(None);
        };
        let session = held.session;
        if session.session.application_id != client.application.id {
            let why = "The token was issued to another client.";
            return Err(Refusal::new(RefusalCode::UnauthorizedClient, why).into());
        }
        let id = session.session.id;
        let (reason, now) = (EndReason::TokenRevoked, Timestamp::now());
        self.store
            .end_session(&client.tenant, id, reason, now)
            .await?;
        self.revocations.note();
        Ok(Some(session))
    }

    /// What `token` is good for now; `None` when it is not good, or no business of the asker's.
    ///
    /// # Errors
    /// The store's.
    pub async fn introspect(
        &self,
        asker: &Asker,
        token: &str,
    ) -> Result<Option<Introspection>, Error> {
        let Some(held) = self.held(token).await? else {
            return Ok(None);
        };
        let may_see = match asker {
            Asker::Operator => true,
            Asker::Client(client) => held.session.session.application_id == client.application.id,
        };
        let now = Timestamp::now();
        let is_good = held.expires_at > now && !held.was_used && held.session.is_alive(now);
        if !(may_see && is_good) {
            return Ok(None);
        }
        Ok(Some(self.told(&held)?))
    }

    fn told(&self, held: &Held) -> Result<Introspection, Error> {
        let session = &held.session.session;
        let mut told = match &held.claims {
            Value::Object(claims) => claims.clone(),
            _ => Map::new(),
        };
        for (name, value) in [
            ("active", json!(true)),
            ("client_id", json!(session.client_id)),
            (
                "scope",
                json!(held.scopes.within(&standing(&held.session)?).to_string()),
            ),
            ("exp", json!(held.expires_at.as_seconds())),
            ("iss", json!(&*self.public_url)),
            ("gpt_id", json!(session.gpt_id.as_str())),
            ("sid", json!(session.id)),
        ] {
            told.insert(name.to_owned(), value);
        }
        Ok(Introspection(told))
    }

    async fn held(&self, token: &str) -> Result<Option<Held>, Error> {
        match RefreshToken::parse(token) {
            Some(token) => self.held_refresh_token(&token).await,
            None => self.held_access_token(token).await,
        }
    }

    async fn held_access_token(&self, token: &str) -> Result<Option<Held>, Error> {
        let claims = match self.tokens.verify(token).await {
            Ok(claims) => claims,
            Err(Error::Unauthorized(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let tenant = Tenant::vouched(claims.gpt_id.parse().map_err(internal)?);
        let Some(session) = self.store.find_session(&tenant, claims.sid).await? else {
            return Ok(None);
        };
        Ok(Some(Held {
            session,
            scopes: claims.scope.parse().map_err(internal)?,
            expires_at: claims.expires_at(),
            was_used: false,
            claims: json!(claims),
        }))
    }

    async fn held_refresh_token(&self, token: &RefreshToken) -> Result<Option<Held>, Error> {
        let hash = token.hash();
        let Some(gpt_id) = self.store.find_refresh_token_gpt(&hash).await? else {
            return Ok(None);
        };
        let tenant = Tenant::vouched(gpt_id);
        let Some(row) = self.store.find_refresh_token(&tenant, &hash).await? else {
            return Ok(None);
        };
        Ok(Some(Held {
            scopes: standing(&row.grant)?,
            session: row.grant,
            expires_at: row.expires_at,
            was_used: row.used_at.is_some(),
            claims: Value::Null,
        }))
    }
}
