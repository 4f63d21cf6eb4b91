//! JSON that passes through as text, so that numbers keep every digit.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON value as the text that it came in, or that it goes out in. Cheap to clone.
///
/// serde's `tag`, `untagged` and `flatten` cannot carry one; generated types use none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(Arc<str>);

impl RawJson {
    /// Takes `text`, which must be one JSON value; otherwise writing it out fails.
    pub fn from_text(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text, without blanks around it.
    #[must_use]
    pub fn get(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RawJson {
    /// Says only how much there is: a document is the tenant's, and no log's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.0.len())
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Box::<RawValue>::deserialize(deserializer)?;
        let text: Box<str> = value.into();
        Ok(Self(text.into()))
    }
}

/// Reads a member that may be any JSON, for serde: also null is there.
///
/// # Errors
/// When there is no JSON value.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RawJson>, D::Error> {
    RawJson::deserialize(deserializer).map(Some)
}

/// A value that the document states, such as a default or an example.
///
/// # Panics
///
/// When `json` is not JSON; the generator writes it from parsed values.
#[must_use]
pub fn literal(json: &str) -> Value {
    serde_json::from_str(json).expect("the generator wrote it from a parsed value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Body {
        body: RawJson,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more: Option<RawJson>,
    }

    #[test]
    fn text_passes_through_unchanged() {
        let text = r#"{"body":{"z":1, "a": 1.00,"z":1e400},"more":[18446744073709551617]}"#;
        let body: Body = serde_json::from_str(text).unwrap();
        assert_eq!(body.body.get(), r#"{"z":1, "a": 1.00,"z":1e400}"#);
        assert_eq!(serde_json::to_string(&body).unwrap(), text);
    }

    #[test]
    fn what_is_not_json_is_never_written() {
        for text in ["{", "", "1 2", "\u{0}"] {
            let body = Body {
                body: RawJson::from_text(text),
                more: None,
            };
            assert!(serde_json::to_vec(&body).is_err(), "{text:?}");
        }
    }

    #[test]
    fn debug_hides_the_document() {
        let raw = RawJson::from_text("{\"secret\":1}");
        assert_eq!(format!("{raw:?}"), "RawJson(12 bytes)");
    }
}
