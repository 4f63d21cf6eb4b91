//! Names and identifiers that travel through every layer.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest GPT id and collection name, in bytes (all of them ASCII).
pub const MAX_NAME_LENGTH: usize = 64;
/// Longest name of a namespace, in bytes (all of them ASCII).
pub const MAX_NAMESPACE_LENGTH: usize = 128;

/// Why a text is not a name: the longest that one may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 1 to {0} letters, digits, dots, underscores or hyphens, and start with a letter or digit"
)]
pub struct InvalidName(usize);

/// True for `^[A-Za-z0-9][A-Za-z0-9._-]*$` of at most `longest` bytes.
fn is_name(text: &str, longest: usize) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= longest
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $longest:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                if is_name(text, $longest) { Ok(Self(text.into())) } else { Err(InvalidName($longest)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a GPT, the tenant that owns everything stored for it.
    GptId, MAX_NAME_LENGTH
}

name! {
    /// The name of a collection, unique within its GPT.
    CollectionName, MAX_NAME_LENGTH
}

name! {
    /// The name of a namespace of keys and values, unique within its GPT.
    NamespaceName, MAX_NAMESPACE_LENGTH
}

/// A GPT on whose behalf the caller may act, and which of its collections it may see.
///
/// `store` finds nothing without one. Only authorisation ([`crate::auth`]) and the operator's
/// commands make one, so holding it means that the right to the data was checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    gpt_id: GptId,
    collections: Option<Arc<[CollectionName]>>,
}

impl Tenant {
    /// Vouches for the caller's right to act as `gpt_id`.
    #[must_use]
    pub fn vouched(gpt_id: GptId) -> Self {
        Self {
            gpt_id,
            collections: None,
        }
    }

    /// Vouches for the caller's right to act as `gpt_id` in these collections, and to know of no
    /// others.
    #[must_use]
    pub fn narrowed(gpt_id: GptId, collections: Arc<[CollectionName]>) -> Self {
        Self {
            gpt_id,
            collections: Some(collections),
        }
    }

    /// The GPT's name.
    #[must_use]
    pub fn gpt_id(&self) -> &GptId {
        &self.gpt_id
    }

    /// The only collections that there are for the caller; `None` for all of the GPT's.
    #[must_use]
    pub fn collections(&self) -> Option<&[CollectionName]> {
        self.collections.as_deref()
    }

    /// Whether `collection` may be there for the caller.
    #[must_use]
    pub fn sees(&self, collection: &CollectionName) -> bool {
        self.collections()
            .is_none_or(|collections| collections.contains(collection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_pattern() {
        for good in ["a", "my-gpt", "0._-", &"x".repeat(64)] {
            assert_eq!(
                good.parse::<GptId>().map(|id| id.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in ["", "-a", ".a", "a/b", "a b", "é", "a\0", &"x".repeat(65)] {
            assert_eq!(
                bad.parse::<CollectionName>(),
                Err(InvalidName(64)),
                "{bad:?}"
            );
        }
        assert!("x".repeat(128).parse::<NamespaceName>().is_ok());
        assert_eq!(
            "x".repeat(129).parse::<NamespaceName>(),
            Err(InvalidName(128))
        );
    }
    #[test]
    fn a_narrowed_tenant_sees_what_it_names() {
        let gpt_id: GptId = "a".parse().unwrap();
        let [notes, tasks] = ["notes", "tasks"].map(|name| name.parse::<CollectionName>().unwrap());
        let narrowed = Tenant::narrowed(gpt_id.clone(), [notes.clone()].into());
        assert!(narrowed.sees(&notes) && !narrowed.sees(&tasks));
        assert!(Tenant::vouched(gpt_id).sees(&tasks));
    }
}
