//! API keys: `gos_`, 32 random bytes in base 62, and a CRC-32 of both in base 62.
//!
//! The check digits tell a typo, or a secret scanner's find, from a key without asking a database.

use std::fmt;

use sha2::{Digest, Sha256};

const PREFIX: &str = "gos_";
const SECRET_BYTES: usize = 32;
/// 62^43 is the first power of 62 over 2^256.
const SECRET_DIGITS: usize = 43;
/// 62^6 is the first power of 62 over 2^32.
const CHECK_DIGITS: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-256 of a key: all that is kept of it.
pub type KeyHash = [u8; 32];

/// An API key in clear. Shown once, when it is made; never logged, hence without `Display`.
pub struct ApiKey(String);

impl ApiKey {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    /// When the system has none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self::from_secret(secret))
    }

    fn from_secret(secret: [u8; SECRET_BYTES]) -> Self {
        let body = format!("{PREFIX}{}", base62(&secret, SECRET_DIGITS));
        let check = check_digits(&body);
        Self(body + &check)
    }

    /// Reads a key; `None` when its form or its check digits are wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let has_form = text.len() == PREFIX.len() + SECRET_DIGITS + CHECK_DIGITS
            && text.starts_with(PREFIX)
            && text.is_ascii();
        if !has_form {
            return None;
        }
        let (body, check) = text.split_at(text.len() - CHECK_DIGITS);
        (check_digits(body) == check).then(|| Self(text.to_owned()))
    }

    /// The hash under which the key is stored. A key has 256 random bits, so a plain hash will do.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        Sha256::digest(&self.0).into()
    }

    /// The key in clear, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

fn check_digits(body: &str) -> String {
    base62(
        &crc32fast::hash(body.as_bytes()).to_be_bytes(),
        CHECK_DIGITS,
    )
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
        let key = ApiKey::from_secret([0xff; SECRET_BYTES]);
        assert_eq!(key.reveal().len(), 53);
        assert!(key.reveal().starts_with("gos_"));
        assert_eq!(base62(&[0xff; 4], 6), "4gfFC3");
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
    }

    proptest! {
        #[test]
        fn a_changed_character_is_noticed(secret: [u8; SECRET_BYTES], at in 0_usize..53, with in "[0-9A-Za-z_]") {
            let key = ApiKey::from_secret(secret);
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
