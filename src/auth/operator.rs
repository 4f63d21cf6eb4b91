//! Operators: those who may do everything to GPTs and keys, and see no data.

use std::sync::Arc;

use super::{Principal, Scope};
use crate::error::Error;

/// An authenticated operator. Only [`Operator::authorize`] makes one, and the generated routes of the
/// operator's document call it.
#[derive(Clone, Debug)]
pub struct Operator(Arc<Principal>);

impl Operator {
    /// Checks that `principal` has the scope `admin`, and belongs to no GPT: what a GPT's caller was
    /// given must never reach another one's data.
    ///
    /// # Errors
    /// [`Error::Forbidden`] otherwise.
    pub fn authorize(principal: Arc<Principal>) -> Result<Self, Error> {
        if !principal.scopes.contains(Scope::Admin) {
            let detail = format!("The key lacks the scope `{}`.", Scope::Admin);
            return Err(Error::Forbidden(detail));
        }
        if principal.gpt_id.is_some() {
            let detail = "A GPT's key cannot operate the service, whatever its scopes.";
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
                key_id: "key_1".into(),
                gpt_id: gpt.map(|gpt| gpt.parse().unwrap()),
                scopes: scopes.parse().unwrap(),
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
