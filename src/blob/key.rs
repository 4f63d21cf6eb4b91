//! The names of stored objects.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;
use uuid::Uuid;

use crate::ids::{GptId, Tenant};

/// Longest segment, in bytes (all of them ASCII).
const MAX_SEGMENT: usize = 128;

/// First segment of the keys of blobs.
const BLOBS: &str = "blobs";

/// Where an object lies within its bucket: segments of letters, digits, `.`, `_` and `-` that
/// begin with a letter or digit, which every bucket and file system takes as they are.
///
/// Ids and hexadecimal texts are such segments. A caller's text is one only by chance: hash it, or
/// use the id of what it names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Path);

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a segment of a key must be 1 to 128 letters, digits, dots, underscores or hyphens, and start with a letter or digit"
)]
pub struct InvalidKey;

impl Key {
    /// A key of one or more segments.
    ///
    /// # Errors
    /// [`InvalidKey`] when a segment has another character, or there is none.
    pub fn new<'a>(segments: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidKey> {
        let segments: Vec<&str> = segments.into_iter().collect();
        if segments.is_empty() || !segments.iter().all(|segment| is_segment(segment)) {
            return Err(InvalidKey);
        }
        // None of these characters is escaped, so the path reads back as the same segments.
        Ok(Self(Path::from_iter(segments)))
    }

    /// The key's segments, one after the other.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.as_ref().split('/')
    }

    /// Where the blob of a tenant lies. Names of GPTs are segments by their own rules.
    pub(super) fn of_blob(tenant: &Tenant, blob: Uuid) -> Self {
        let (gpt_id, blob) = (tenant.gpt_id().as_str(), blob.simple().to_string());
        Self(Path::from_iter([BLOBS, gpt_id, &blob]))
    }

    /// What the keys of all blobs begin with.
    pub(super) fn of_blobs() -> Self {
        Self(Path::from_iter([BLOBS]))
    }

    /// What the keys of a tenant's blobs begin with.
    pub(super) fn of_blobs_of(tenant: &Tenant) -> Self {
        Self(Path::from_iter([BLOBS, tenant.gpt_id().as_str()]))
    }

    /// Whose blob it is, and which.
    pub(super) fn as_blob(&self) -> Option<(GptId, Uuid)> {
        let segments: Vec<&str> = self.segments().collect();
        match segments[..] {
            [BLOBS, gpt_id, blob] => Some((gpt_id.parse().ok()?, blob.parse().ok()?)),
            _ => None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        Self::new(text.split('/'))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref())
    }
}

fn is_segment(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= MAX_SEGMENT
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_safe_segments_and_read_back() {
        let key = Key::new(["files", "my-gpt_1.x", "0f"]).unwrap();
        assert_eq!(key.to_string(), "files/my-gpt_1.x/0f");
        assert_eq!("files/my-gpt_1.x/0f".parse(), Ok(key.clone()));
        assert_eq!(
            key.segments().collect::<Vec<_>>(),
            ["files", "my-gpt_1.x", "0f"]
        );
        for bad in [
            "", "/a", "a/", "a//b", "..", "a/../b", ".a", "a#1", "é", "a b", "a%2Fb", "a\\b",
        ] {
            assert_eq!(bad.parse::<Key>(), Err(InvalidKey), "{bad:?}");
        }
        assert_eq!("x".repeat(129).parse::<Key>(), Err(InvalidKey));
    }
}
