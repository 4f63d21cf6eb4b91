//! The authorization server (RFC 6749 as RFC 9700 wants it): who may have a token, and for what.
//!
//! A person consents by showing a key of the GPT, so a token never allows more than a key did.
//! Tokens belong to a session; what ends the session, or the key behind it, ends them all.

mod authorize;
mod challenge;
mod client;
mod grants;
mod held;
mod redirect;
mod refusal;
mod scopes;

use std::sync::Arc;

pub use authorize::{Asked, AuthorizationRequest, DeadEnd, Stop};
pub use challenge::METHOD as CHALLENGE_METHOD;
pub use client::Client;
pub use grants::Issued;
pub use held::{Asker, Introspection};
pub use refusal::{GrantError, Refusal, RefusalCode};

use crate::auth::{Revocations, Tokens};
use crate::config::OAuthConfig;
use crate::error::Error;
use crate::store::Store;

/// The rules of the authorization server. Cheap to clone.
#[derive(Clone)]
pub struct OAuth {
    store: Store,
    tokens: Tokens,
    revocations: Revocations,
    public_url: Arc<str>,
    config: OAuthConfig,
}

impl OAuth {
    /// The authorization server that issues `tokens`; who wants to know of sessions that end is told
    /// through `revocations`.
    #[must_use]
    pub fn new(
        store: Store,
        tokens: Tokens,
        revocations: Revocations,
        config: OAuthConfig,
    ) -> Self {
        Self {
            store,
            public_url: tokens.issuer().into(),
            tokens,
            revocations,
            config,
        }
    }

    /// The public keys that tokens are verified with (RFC 7517).
    ///
    /// # Errors
    /// The store's.
    pub async fn public_keys(&self) -> Result<serde_json::Value, Error> {
        self.tokens.jwks().await
    }

    /// Checks `resource` (RFC 8707): there is only this server, with or without a slash at the end.
    fn check_resources(&self, resources: &[String]) -> Result<(), Refusal> {
        let is_ours = |resource: &String| {
            let named = resource.strip_suffix('/').unwrap_or(resource);
            *named == *self.public_url
        };
        if resources.iter().all(is_ours) {
            Ok(())
        } else {
            let description = format!("Tokens from here are good for {} only.", self.public_url);
            Err(Refusal::new(RefusalCode::InvalidTarget, description))
        }
    }
}
