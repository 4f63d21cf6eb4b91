//! Proof Key for Code Exchange (RFC 7636), by SHA-256 alone: `plain` proves nothing to who reads
//! the request.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::refusal::{Refusal, RefusalCode};

/// The one method.
pub const METHOD: &str = "S256";

/// What the client committed itself to when it asked for a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(String);

impl Challenge {
    /// Reads `code_challenge` and `code_challenge_method`.
    ///
    /// # Errors
    /// `invalid_request` unless both are there, or neither.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, Refusal> {
        let Some(challenge) = challenge else {
            return match method {
                None => Ok(None),
                Some(_) => Err(Refusal::missing("code_challenge")),
            };
        };
        // RFC 7636, 4.3: without a method it would be `plain`.
        if method != Some(METHOD) {
            return Err(Refusal::malformed(
                "The only code_challenge_method here is S256.",
            ));
        }
        let is_digest = URL_SAFE_NO_PAD
            .decode(challenge)
            .is_ok_and(|digest| digest.len() == Sha256::output_size());
        if !is_digest {
            return Err(Refusal::malformed(
                "The code_challenge is not a SHA-256 in base64url.",
            ));
        }
        Ok(Some(Self(challenge.to_owned())))
    }

    /// A challenge as it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The challenge as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_met_by(&self, verifier: &str) -> bool {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        digest.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// Checks `verifier` against the challenge that the code was asked for with.
///
/// A verifier without a challenge is refused too: somebody took the challenge out of the request
/// (RFC 9700, 4.8.2).
///
/// # Errors
/// `invalid_request` for a verifier that is not one; `invalid_grant` for a wrong or missing one.
pub fn check(challenge: Option<&Challenge>, verifier: Option<&str>) -> Result<(), Refusal> {
    let refused = |why: &str| Err(Refusal::new(RefusalCode::InvalidGrant, why));
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(_), None) => {
            refused("The code was asked for with a code_challenge: send the code_verifier.")
        }
        (None, Some(_)) => refused("The code was asked for without a code_challenge."),
        (Some(_), Some(verifier)) if !is_verifier(verifier) => Err(Refusal::malformed(
            "A code_verifier has 43 to 128 letters, digits, hyphens, dots, underscores or tildes.",
        )),
        (Some(challenge), Some(verifier)) if !challenge.is_met_by(verifier) => {
            refused("The code_verifier does not match the code_challenge.")
        }
        _ => Ok(()),
    }
}

/// RFC 7636, 4.1.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge() -> Challenge {
        let parsed = Challenge::parse(Some(CHALLENGE), Some(METHOD));
        parsed.unwrap().unwrap()
    }

    #[test]
    fn the_rfcs_own_example_passes() {
        assert_eq!(check(Some(&challenge()), Some(VERIFIER)), Ok(()));
        assert_eq!(check(None, None), Ok(()));
    }

    #[test]
    fn a_verifier_and_a_challenge_need_each_other() {
        let code = |challenge: Option<&Challenge>, verifier| {
            check(challenge, verifier).map_err(|refusal| refusal.code)
        };
        let ours = challenge();
        let other = "x".repeat(43);
        assert_eq!(code(Some(&ours), None), Err(RefusalCode::InvalidGrant));
        assert_eq!(code(None, Some(VERIFIER)), Err(RefusalCode::InvalidGrant));
        assert_eq!(
            code(Some(&ours), Some(&other)),
            Err(RefusalCode::InvalidGrant)
        );
        for malformed in [
            "",
            "short",
            &"x".repeat(129),
            &" ".repeat(43),
            CHALLENGE.trim_end_matches('M'),
        ] {
            assert_eq!(
                code(Some(&ours), Some(malformed)),
                Err(RefusalCode::InvalidRequest)
            );
        }
    }

    #[test]
    fn only_s256_is_known() {
        assert_eq!(Challenge::parse(None, None), Ok(None));
        for (challenge, method) in [
            (Some(CHALLENGE), None),
            (Some(CHALLENGE), Some("plain")),
            (Some(CHALLENGE), Some("s256")),
            (Some(VERIFIER), Some("plain")),
            (Some("short"), Some(METHOD)),
            (Some(&*format!("{CHALLENGE}=")), Some(METHOD)),
            (None, Some(METHOD)),
        ] {
            let refused = Challenge::parse(challenge, method).unwrap_err();
            assert_eq!(refused.code, RefusalCode::InvalidRequest);
        }
    }
}
