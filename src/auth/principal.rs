//! Whom a good key or token stands for.

use std::borrow::Cow;
use std::sync::Arc;

use uuid::Uuid;

use super::Scopes;
use crate::clock::Timestamp;
use crate::error::{Error, Unauthorized};
use crate::ids::{CollectionName, GptId};
use crate::limits::RateLimits;
use crate::store::{KeyRow, SessionGrant};

/// Whom a key or a token stands for.
#[derive(Clone, Debug)]
pub struct Principal {
    /// What was shown.
    pub who: Who,
    /// The GPT it belongs to; `None` for an operator's key.
    pub gpt_id: Option<GptId>,
    /// What it may do.
    pub scopes: Scopes,
    /// The only collections that it may see; `None` for all.
    pub collections: Option<Arc<[CollectionName]>>,
    /// When it stops being valid.
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// Its own rate limits, which stand before the general ones.
    pub rate_limits: Option<RateLimits>,
}

/// What a caller showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// An API key.
    Key {
        /// Its public id.
        id: String,
    },
    /// A token of an application.
    Application {
        /// The name by which the application asks for tokens.
        client_id: String,
        /// The application.
        application_id: Uuid,
        /// What it was allowed.
        session_id: Uuid,
        /// The public id of the key with which a person allowed it.
        key_id: Option<String>,
    },
    /// A token of somebody else's, whom this service was told to believe.
    Outside {
        /// Who issued it.
        issuer: String,
        /// For whom.
        subject: String,
    },
}

impl Who {
    /// What was shown, as a word for sentences.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Key { .. } => "key",
            Self::Application { .. } | Self::Outside { .. } => "token",
        }
    }

    /// Whose calls are counted together: all tokens of an application's share its limits.
    #[must_use]
    pub fn bucket(&self) -> Cow<'_, str> {
        match self {
            Self::Key { id } => id.into(),
            Self::Application { client_id, .. } => client_id.into(),
            Self::Outside { issuer, subject } => format!("{issuer} {subject}").into(),
        }
    }

    /// The public id of the key that was shown, or that stands behind a token.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        match self {
            Self::Key { id } => Some(id),
            Self::Application { key_id, .. } => key_id.as_deref(),
            Self::Outside { .. } => None,
        }
    }

    /// Which application called: its client id, or whom an outside issuer names.
    #[must_use]
    pub fn application(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Key { .. } => None,
            Self::Application { .. } | Self::Outside { .. } => Some(self.bucket()),
        }
    }

    /// The session of a token.
    #[must_use]
    pub fn session_id(&self) -> Option<Uuid> {
        match self {
            Self::Application { session_id, .. } => Some(*session_id),
            Self::Key { .. } | Self::Outside { .. } => None,
        }
    }
}

impl Principal {
    /// Whoever calls a server that checks nobody.
    pub(super) fn of_everybody(gpt_id: GptId) -> Self {
        Self {
            who: Who::Key {
                id: "everybody".to_owned(),
            },
            gpt_id: Some(gpt_id),
            scopes: Scopes::of_a_gpt(),
            collections: None,
            expires_at: None,
            revoked_at: None,
            rate_limits: None,
        }
    }

    /// A caller with a token of `scopes` in a session, as things stand: what the application, or the
    /// key behind the session, may no longer do, its tokens cannot do either.
    ///
    /// # Errors
    /// [`Error::Internal`] when a row holds what was never written.
    pub(super) fn of_session(
        grant: SessionGrant,
        scopes: &Scopes,
        expires_at: Timestamp,
    ) -> Result<Self, Error> {
        let mut scopes = scopes.within(&grant.application_scopes.parse().map_err(internal)?);
        if let Some(key) = &grant.key {
            scopes = scopes.within(&key.scopes.parse().map_err(internal)?);
        }
        let session = grant.session;
        Ok(Self {
            who: Who::Application {
                client_id: session.client_id,
                application_id: session.application_id,
                session_id: session.id,
                key_id: session.key_id,
            },
            gpt_id: Some(session.gpt_id),
            scopes: scopes.within(&Scopes::of_a_gpt()),
            collections: grant.collections.map(Arc::from),
            expires_at: Some(expires_at),
            revoked_at: None,
            rate_limits: rate_limits(grant.rate_limits.as_deref())?,
        })
    }

    pub(super) fn check(&self, now: Timestamp) -> Result<(), Unauthorized> {
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
        Ok(Self {
            scopes: row.scopes.parse().map_err(internal)?,
            rate_limits: rate_limits(row.rate_limits.as_deref())?,
            who: Who::Key { id: row.id },
            gpt_id: row.gpt_id,
            collections: None,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        })
    }
}

fn rate_limits(text: Option<&str>) -> Result<Option<RateLimits>, Error> {
    text.map(str::parse).transpose().map_err(internal)
}

fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(cause))
}
