//! Seals secrets for the database, so that a copy of it forges no token and no delivery.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use crate::error::Error;

/// AES-256-GCM under a key that HKDF makes of the server's secret. A sealed text is a random nonce
/// and what GCM makes; it opens only under the name that it was sealed for.
pub struct Seal(LessSafeKey);

impl Seal {
    /// A seal made of `secret`, which has any length, for one `purpose`: the same secret signs cursors
    /// and links.
    ///
    /// # Errors
    /// Never in practice: HKDF refuses only outputs of more than 255 blocks (RFC 5869).
    pub fn new(secret: &[u8], purpose: &str) -> Result<Self, Error> {
        let (derived, info) = (
            Salt::new(HKDF_SHA256, &[]).extract(secret),
            [purpose.as_bytes()],
        );
        let key = derived.expand(&info, &AES_256_GCM).map_err(internal)?;
        Ok(Self(LessSafeKey::new(UnboundKey::from(key))))
    }

    /// `plain` sealed for `name`.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(internal)?;
        let mut sealed = plain.to_vec();
        let aad = Aad::from(name.as_bytes());
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(internal)?;
        sealed.splice(..0, nonce);
        Ok(sealed)
    }

    /// What was sealed for `name`; `None` when it was not, or not under this secret.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = sealed.to_vec();
        let aad = Aad::from(name.as_bytes());
        let length = self.0.open_in_place(nonce, aad, &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Internal(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_was_sealed_for_the_name_and_under_the_secret() {
        let seal = Seal::new(b"secret", "a purpose").unwrap();
        let sealed = seal.seal("a", b"private key").unwrap();
        assert_ne!(sealed, seal.seal("a", b"private key").unwrap());
        assert_eq!(
            seal.open("a", &sealed).as_deref(),
            Some(&b"private key"[..])
        );
        assert_eq!(
            Seal::new(b"another", "a purpose")
                .unwrap()
                .open("a", &sealed),
            None
        );
        assert_eq!(
            Seal::new(b"secret", "else").unwrap().open("a", &sealed),
            None
        );
        assert_eq!(seal.open("b", &sealed), None);
        assert_eq!(seal.open("a", &sealed[1..]), None);
        assert_eq!(seal.open("a", b"short"), None);
    }
}
