//! How much is granted.

use super::refusal::{Refusal, RefusalCode};
use crate::auth::{Scope, Scopes};

/// What a client asks for: the scopes in `requested`, or all of `most` when it names none.
///
/// # Errors
/// `invalid_scope` for a scope that is unknown or not among `most`.
pub fn asked_for(requested: Option<&str>, most: &Scopes) -> Result<Scopes, Refusal> {
    let refused = |why: String| Refusal::new(RefusalCode::InvalidScope, why);
    let Some(requested) = requested else {
        return Ok(without_admin(most));
    };
    let unknown = "A scope is not known here, or is not one for tokens.".to_owned();
    let requested: Scopes = requested.parse().map_err(|_| refused(unknown))?;
    let over = requested
        .iter()
        .find(|scope| *scope == Scope::Admin || !most.contains(*scope));
    if let Some(scope) = over {
        return Err(refused(format!("The application may not ask for {scope}.")));
    }
    if requested.is_empty() {
        return Ok(without_admin(most));
    }
    Ok(requested)
}

/// A token never operates the service.
fn without_admin(scopes: &Scopes) -> Scopes {
    scopes.within(&Scopes::of_a_gpt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(requested: Option<&str>, most: &str) -> Result<String, RefusalCode> {
        let asked = asked_for(requested, &most.parse().unwrap());
        asked
            .map(|scopes| scopes.to_string())
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn never_more_than_the_application_may() {
        let most = "objects:read objects:write";
        assert_eq!(asked(None, most).unwrap(), most);
        assert_eq!(asked(Some(" "), most).unwrap(), most);
        assert_eq!(asked(Some("objects:read"), most).unwrap(), "objects:read");
        for over in [
            "files:read",
            "objects:read files:read",
            "any",
            "openid",
            "objects:read\0",
        ] {
            assert_eq!(
                asked(Some(over), most),
                Err(RefusalCode::InvalidScope),
                "{over}"
            );
        }
    }

    #[test]
    fn nobody_is_granted_admin() {
        assert_eq!(asked(None, "admin objects:read").unwrap(), "objects:read");
        assert_eq!(
            asked(Some("admin"), "admin objects:read"),
            Err(RefusalCode::InvalidScope)
        );
    }
}
