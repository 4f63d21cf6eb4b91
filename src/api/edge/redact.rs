//! Secrets that stand where they do not belong, such as a key that was pasted into a path.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// Everything of ours that has the form of a secret ([`Secret`](crate::auth::ApiKey)), cut or whole,
/// and what could be a JWT (RFC 7519).
static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?:gos|gcs|goc|gor)_[0-9A-Za-z]{16,}|eyJ[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)+";
    Regex::new(pattern).ok()
});

/// `text` as it may be logged.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    match &*SECRET {
        Some(secret) => secret.replace_all(text, "[secret]"),
        None => Cow::Borrowed("[not logged]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{ApiKey, AuthorizationCode, ClientSecret, RefreshToken};

    #[test]
    fn a_secret_is_not_logged_and_the_rest_is() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl".to_owned();
        for secret in [
            ApiKey::generate().unwrap().reveal().to_owned(),
            ClientSecret::generate().unwrap().reveal().to_owned(),
            AuthorizationCode::generate().unwrap().reveal().to_owned(),
            RefreshToken::generate().unwrap().reveal().to_owned(),
            token,
        ] {
            let path = format!("/v1/objects/{secret}/x");
            assert_eq!(redact(&path), "/v1/objects/[secret]/x");
            let cut = &path[..path.len() - 12];
            assert_eq!(redact(cut), "/v1/objects/[secret]");
        }
        for path in ["/v1/gpts/gos_1/collections/eyJ.notes", "/health", "/"] {
            assert_eq!(redact(path), path);
        }
    }
}
