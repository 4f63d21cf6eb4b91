//! Operators: those who may do everything to GPTs and keys, and see no data.

use std::sync::Arc;

use super::{Principal, Scope, Who};
use crate::error::Error;

/// An authenticated operator. Only [`Operator::authorize`] makes one, and the generated routes of the
/// operator's document call it.
#[derive(Clone, Debug)]
pub struct Operator(Arc<Principal>);

impl Operator {
    /// Checks that `principal` is a key with the scope `admin` that belongs to no GPT: what a GPT's
    /// caller was given must never reach another one's data.
    ///
    /// # Errors
    /// [`Error::Forbidden`] otherwise.
    pub fn authorize(principal: Arc<Principal>) -> Result<Self, Error> {
        if !principal.scopes.contains(Scope::Admin) {
            let noun = principal.who.noun();
            let detail = format!("The {noun} lacks the scope `{}`.", Scope::Admin);
            return Err(Error::Forbidden(detail));
        }
        let is_key = matches!(principal.who, Who::Key { .. });
        if principal.gpt_id.is_some() || !is_key {
            let detail =
                "Only an operator's key operates the service; no token, and no key of a GPT.";
            return Err(Error::Forbidden(detail.into()));
        }
        Ok(Self(principal))
    }

    /// Whose key it is.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_the_scope_and_no_gpt() {
        let authorize = |gpt: Option<&str>, scopes: &str| {
            Operator::authorize(Arc::new(Principal {
                who: Who::Key { id: "key_1".into() },
                gpt_id: gpt.map(|gpt| gpt.parse().unwrap()),
                scopes: scopes.parse().unwrap(),
                collections: None,
                expires_at: None,
                revoked_at: None,
                rate_limits: None,
            }))
        };
        assert!(authorize(None, "admin").is_ok());
        assert!(authorize(None, "admin objects:read").is_ok());
        assert!(authorize(None, "objects:read").is_err());
        assert!(authorize(Some("a"), "admin").is_err());
        assert!(authorize(Some("a"), "objects:write").is_err());
    }
}
