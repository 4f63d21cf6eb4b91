//! Secrets that callers show: a prefix that says what it is, 32 random bytes in base 62, and a
//! CRC-32 of both in base 62.
//!
//! The check digits tell a typo, or a secret scanner's find, from a secret without asking a database.

use std::fmt;
use std::marker::PhantomData;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Each prefix has as many bytes.
const PREFIX_BYTES: usize = 4;
const SECRET_BYTES: usize = 32;
/// 62^43 is the first power of 62 over 2^256.
const SECRET_DIGITS: usize = 43;
/// 62^6 is the first power of 62 over 2^32.
const CHECK_DIGITS: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-256 of a secret: all that is kept of it.
pub type SecretHash = [u8; 32];

/// A key of a GPT or an operator: `gos_…`.
pub type ApiKey = Secret<kind::ApiKey>;
/// What a confidential application proves itself with: `gcs_…`.
pub type ClientSecret = Secret<kind::ClientSecret>;
/// What a person's consent becomes: `goc_…`.
pub type AuthorizationCode = Secret<kind::AuthorizationCode>;
/// What renews a session once: `gor_…`.
pub type RefreshToken = Secret<kind::RefreshToken>;

/// What a secret is for.
pub trait Kind {
    /// How it begins, so that one is never taken for another.
    const PREFIX: &'static str;
    /// What it is called where it must not be shown.
    const NAME: &'static str;
}

/// The kinds of secrets.
pub mod kind {
    use super::Kind;

    /// A key of a GPT or an operator.
    pub enum ApiKey {}
    /// What a confidential application proves itself with.
    pub enum ClientSecret {}
    /// What a person's consent becomes.
    pub enum AuthorizationCode {}
    /// What renews a session once.
    pub enum RefreshToken {}

    impl Kind for ApiKey {
        const PREFIX: &'static str = "gos_";
        const NAME: &'static str = "ApiKey";
    }

    impl Kind for ClientSecret {
        const PREFIX: &'static str = "gcs_";
        const NAME: &'static str = "ClientSecret";
    }

    impl Kind for AuthorizationCode {
        const PREFIX: &'static str = "goc_";
        const NAME: &'static str = "AuthorizationCode";
    }

    impl Kind for RefreshToken {
        const PREFIX: &'static str = "gor_";
        const NAME: &'static str = "RefreshToken";
    }
}

/// A secret in clear. Shown once, when it is made; never logged, hence without `Display`.
pub struct Secret<K>(String, PhantomData<K>);

impl<K: Kind> Secret<K> {
    /// Makes one from the system's random numbers.
    ///
    /// # Errors
    /// When the system has none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self::from_random(secret))
    }

    fn from_random(secret: [u8; SECRET_BYTES]) -> Self {
        let body = K::PREFIX.to_owned() + &base62(&secret, SECRET_DIGITS);
        let check = check_digits(&body);
        Self(body + &check, PhantomData)
    }

    /// Reads one; `None` when its form or its check digits are wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let has_form = text.len() == PREFIX_BYTES + SECRET_DIGITS + CHECK_DIGITS
            && text.starts_with(K::PREFIX)
            && text.is_ascii();
        if !has_form {
            return None;
        }
        let (body, check) = text.split_at(text.len() - CHECK_DIGITS);
        (check_digits(body) == check).then(|| Self(text.to_owned(), PhantomData))
    }

    /// The hash under which it is stored. It has 256 random bits, so a plain hash will do.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        Sha256::digest(&self.0).into()
    }

    /// Whether this is the secret with `hash`, in a time that does not tell how much is right.
    #[must_use]
    pub fn matches(&self, hash: &SecretHash) -> bool {
        self.hash().ct_eq(hash).into()
    }

    /// The secret in clear, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<K: Kind> fmt::Debug for Secret<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", K::NAME)
    }
}

fn check_digits(body: &str) -> String {
    base62(
        &crc32fast::hash(body.as_bytes()).to_be_bytes(),
        CHECK_DIGITS,
    )
}

/// A new client id: `app_` and 128 random bits. It is no secret.
///
/// # Errors
/// When the system has no random numbers.
pub fn new_client_id() -> Result<String, getrandom::Error> {
    /// 62^22 is the first power of 62 over 2^128.
    const DIGITS: usize = 22;
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(format!("app_{}", base62(&random, DIGITS)))
}

/// `bytes` as one big-endian number in base 62, with leading zeros to `digits` places.
fn base62(bytes: &[u8], digits: usize) -> String {
    let mut number = bytes.to_vec();
    let mut text = vec![b'0'; digits];
    for place in text.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = (remainder << 8) | u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            remainder = value % 62;
        }
        *place = ALPHABET[remainder as usize];
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn has_the_documented_form() {
        let key = ApiKey::from_random([0xff; SECRET_BYTES]);
        assert_eq!(key.reveal().len(), 53);
        assert!(key.reveal().starts_with("gos_"));
        assert_eq!(base62(&[0xff; 4], 6), "4gfFC3");
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
    }

    #[test]
    fn one_kind_is_never_taken_for_another() {
        let secret = [7; SECRET_BYTES];
        let (key, code) = (
            ApiKey::from_random(secret),
            AuthorizationCode::from_random(secret),
        );
        assert!(code.reveal().starts_with("goc_"));
        assert!(RefreshToken::parse(code.reveal()).is_none());
        assert!(!ClientSecret::from_random(secret).matches(&key.hash()));
        assert!(key.matches(&ApiKey::from_random(secret).hash()));
        assert_eq!(format!("{code:?}"), "AuthorizationCode(…)");
    }

    #[test]
    fn a_client_id_has_the_documented_form() {
        let (one, two) = (new_client_id().unwrap(), new_client_id().unwrap());
        assert!(one.starts_with("app_") && one.len() == 26);
        assert_ne!(one, two);
    }

    proptest! {
        #[test]
        fn a_changed_character_is_noticed(secret: [u8; SECRET_BYTES], at in 0_usize..53, with in "[0-9A-Za-z_]") {
            let key = ApiKey::from_random(secret);
            prop_assert!(ApiKey::parse(key.reveal()).is_some());
            let mut changed = key.reveal().to_owned();
            changed.replace_range(at..=at, &with);
            prop_assert_eq!(ApiKey::parse(&changed).is_some(), changed == key.reveal());
        }

        #[test]
        fn nothing_else_parses_and_nothing_panics(text in ".{0,80}") {
            prop_assert!(ApiKey::parse(&text).is_none());
        }
    }
}
