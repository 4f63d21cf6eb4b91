//! Who is calling, and what they may do.
//!
//! A handler takes a [`Caller`]; only [`Bearer::authorize`] makes one, and the generated routes
//! call that with the scope that the contract names. So a handler cannot forget the check. An
//! operator's handler takes an [`Operator`], which [`Bearer::operator`] alone makes.

mod anonymous;
mod authenticator;
mod bearer;
mod forwarded;
mod link;
mod operator;
mod principal;
mod revocations;
mod scope;
mod secret;
mod token;

pub use anonymous::{Anonymous, OptionalBearer};
pub use authenticator::Authenticator;
pub use bearer::{Bearer, bearer_token};
pub use forwarded::ForwardedChange;
pub use link::PartLinks;
pub use operator::Operator;
pub use principal::{Principal, Who};
pub use revocations::Revocations;
pub use scope::{Scope, Scopes, UnknownScope};
pub use secret::{
    ApiKey, AuthorizationCode, ClientSecret, Kind, RefreshToken, Secret, SecretHash, kind,
    new_client_id,
};
pub use token::{AccessClaims, AccessGrant, AccessToken, OutsideIssuers, OutsideToken, Tokens};

use crate::error::Error;
use crate::ids::Tenant;
use std::sync::Arc;

/// An authenticated caller with the right to the operation at hand.
#[derive(Clone, Debug)]
pub struct Caller {
    tenant: Tenant,
    principal: Arc<Principal>,
    forwarded: ForwardedChange,
}

impl Caller {
    /// Checks that `principal` has `scope`, and that `gpt_id`, when the path names one, is its own.
    ///
    /// # Errors
    /// [`Error::Forbidden`] otherwise.
    pub fn authorize(
        principal: Arc<Principal>,
        scope: Scope,
        gpt_id: Option<&str>,
    ) -> Result<Self, Error> {
        if !principal.scopes.contains(scope) {
            return Err(Error::Forbidden(format!(
                "The {} lacks the scope `{scope}`.",
                principal.who.noun()
            )));
        }
        let own = principal.gpt_id.as_ref().ok_or_else(|| {
            Error::Forbidden(
                "An operator's key has no GPT and therefore no data of its own.".into(),
            )
        })?;
        if gpt_id.is_some_and(|named| named != own.as_str()) {
            let noun = principal.who.noun();
            return Err(Error::Forbidden(format!(
                "The {noun} belongs to another GPT."
            )));
        }
        let tenant = match &principal.collections {
            None => Tenant::vouched(own.clone()),
            Some(collections) => Tenant::narrowed(own.clone(), collections.clone()),
        };
        Ok(Self {
            tenant,
            principal,
            forwarded: ForwardedChange::default(),
        })
    }

    /// The same caller, of a call that wants to know what it changed.
    #[must_use]
    pub fn telling(self, forwarded: ForwardedChange) -> Self {
        Self { forwarded, ..self }
    }

    /// What the call changed, if that is forwarded.
    #[must_use]
    pub fn forwarded(&self) -> &ForwardedChange {
        &self.forwarded
    }

    /// The GPT that the caller acts for.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// What is known of the key or token.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(gpt: Option<&str>, scopes: &str) -> Arc<Principal> {
        Arc::new(Principal {
            who: Who::Key { id: "key_1".into() },
            gpt_id: gpt.map(|gpt| gpt.parse().unwrap()),
            scopes: scopes.parse().unwrap(),
            collections: None,
            expires_at: None,
            revoked_at: None,
            rate_limits: None,
        })
    }

    #[test]
    fn needs_scope_and_own_gpt() {
        let reader = principal(Some("a"), "objects:read");
        let authorize = |scope, gpt| Caller::authorize(reader.clone(), scope, gpt);
        assert!(authorize(Scope::ObjectsRead, Some("a")).is_ok());
        assert!(authorize(Scope::ObjectsRead, None).is_ok());
        assert!(authorize(Scope::Any, None).is_ok());
        assert!(authorize(Scope::ObjectsWrite, Some("a")).is_err());
        assert!(authorize(Scope::ObjectsRead, Some("b")).is_err());
        assert!(Caller::authorize(principal(None, "admin"), Scope::Any, None).is_err());
    }
}
