//! Master keys, which wrap the keys of blobs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

/// Largest id, so that every database has a number for it.
const MAX_ID: u32 = i32::MAX as u32;

/// The master keys: the first wraps, and all of them unwrap. They leave the memory with the last
/// clone, and are never shown.
#[derive(Clone)]
pub struct MasterKeys {
    current: Arc<MasterKey>,
    older: Arc<[MasterKey]>,
}

/// One of them.
pub(super) struct MasterKey {
    id: u32,
    bytes: Zeroizing<[u8; 32]>,
}

/// Why a text does not say master keys; it never shows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMasterKeys {
    /// A key is not written as it must be.
    #[error("key {0} must be `base64:…`, or `id:base64:…` where there are several")]
    Form(usize),
    /// An id is none.
    #[error("the id of key {0} must be a number from 1 to 2147483647")]
    Id(usize),
    /// A key is not 32 bytes in base64.
    #[error(
        "key {0} must be 32 bytes in base64 with padding, as `openssl rand -base64 32` prints them"
    )]
    Bytes(usize),
    /// Two keys have one id.
    #[error("key {0} has the id of a key before it")]
    Twice(usize),
}

impl FromStr for MasterKeys {
    type Err = InvalidMasterKeys;

    /// Reads `base64:…` (which has the id 1), or `2:base64:…,1:base64:…` with the current key first.
    fn from_str(text: &str) -> Result<Self, InvalidMasterKeys> {
        let texts: Vec<&str> = text.trim().split(',').collect();
        let is_alone = texts.len() == 1;
        let mut keys: Vec<MasterKey> = Vec::new();
        for (place, text) in (1..).zip(texts) {
            let key = MasterKey::parse(text.trim(), is_alone, place)?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(InvalidMasterKeys::Twice(place));
            }
            keys.push(key);
        }
        let current = Arc::new(keys.remove(0));
        let older = keys.into();
        Ok(Self { current, older })
    }
}

impl MasterKeys {
    /// The id of the key that wraps.
    #[must_use]
    pub fn current_id(&self) -> u32 {
        self.current.id
    }

    /// Whether there are older keys than the one that wraps, and no later one.
    #[must_use]
    pub fn are_after_rotation(&self) -> bool {
        !self.older.is_empty() && self.older.iter().all(|key| key.id < self.current.id)
    }

    pub(super) fn current(&self) -> &MasterKey {
        &self.current
    }

    pub(super) fn find(&self, id: u32) -> Option<&MasterKey> {
        self.all().find(|key| key.id == id)
    }

    fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&*self.current).chain(&*self.older)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u32> = self.all().map(|key| key.id).collect();
        f.debug_struct("MasterKeys").field("ids", &ids).finish()
    }
}

impl MasterKey {
    pub fn id(&self) -> u32 {
        self.id
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// `place`, from 1, says in an error which key is wrong.
    fn parse(text: &str, is_alone: bool, place: usize) -> Result<Self, InvalidMasterKeys> {
        let (id, encoded) = match text.split_once("base64:") {
            Some(("", encoded)) if is_alone => (1, encoded),
            Some((id, encoded)) => {
                let id = id.strip_suffix(':').ok_or(InvalidMasterKeys::Form(place))?;
                let id = id.parse().ok().filter(|id| (1..=MAX_ID).contains(id));
                (id.ok_or(InvalidMasterKeys::Id(place))?, encoded)
            }
            None => return Err(InvalidMasterKeys::Form(place)),
        };
        let invalid = InvalidMasterKeys::Bytes(place);
        let decoded = Zeroizing::new(BASE64_STANDARD.decode(encoded).map_err(|_| invalid)?);
        let bytes: &[u8; 32] = decoded.as_slice().try_into().map_err(|_| invalid)?;
        Ok(Self {
            id,
            bytes: Zeroizing::new(*bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "base64:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    const B: &str = "base64:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

    #[test]
    fn one_key_or_several_are_read() {
        let one: MasterKeys = A.parse().unwrap();
        assert_eq!((one.current_id(), one.current().bytes()), (1, &[b'A'; 32]));
        let several: MasterKeys = format!("7:{B},1:{A}\n").parse().unwrap();
        assert_eq!(several.current_id(), 7);
        assert_eq!(several.find(7).unwrap().bytes(), &[b'B'; 32]);
        assert_eq!(several.find(1).unwrap().bytes(), &[b'A'; 32]);
        assert!(several.find(2).is_none());
        let ahead: MasterKeys = format!("1:{A},7:{B}").parse().unwrap();
        let rotated = [&one, &several, &ahead].map(MasterKeys::are_after_rotation);
        assert_eq!(rotated, [false, true, false]);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        use InvalidMasterKeys::{Bytes, Form, Id, Twice};
        let short = "base64:QUFB";
        for (text, wrong) in [
            (String::new(), Form(1)),
            ("QUFBQUFB".to_owned(), Form(1)),
            (format!("{A},{B}"), Form(1)),
            (format!("2:{A},{B}"), Form(2)),
            (format!("2:{A},"), Form(2)),
            (format!("0:{A}"), Id(1)),
            (format!("2147483648:{A}"), Id(1)),
            (format!("x:{A}"), Id(1)),
            (short.to_owned(), Bytes(1)),
            (format!("{A}A"), Bytes(1)),
            (format!("2:{A},1:{short}"), Bytes(2)),
            (format!("1:{A},1:{B}"), Twice(2)),
        ] {
            let fault = text.parse::<MasterKeys>().unwrap_err();
            assert_eq!(fault, wrong, "{text}");
            assert!(!fault.to_string().contains("QUFB"), "{fault}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let keys: MasterKeys = format!("7:{B},1:{A}").parse().unwrap();
        assert_eq!(format!("{keys:?}"), "MasterKeys { ids: [7, 1] }");
    }
}
