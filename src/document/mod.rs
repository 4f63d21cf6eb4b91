//! JSON documents as the store keeps them: canonical text with every digit of every number.
//!
//! The canonical form is what PostgreSQL's `jsonb` prints, less the blank after `:` and `,`, so
//! both databases hold the same text and nothing has to be read back after a write:
//! - minified; object members ordered by the UTF-8 length of the key, then bytewise; of duplicate
//!   keys the last wins;
//! - numbers as PostgreSQL's `numeric` prints them, with the exponent expanded (`1e2` is `100`,
//!   `1.0` stays `1.0`, `-0` is `0`);
//! - strings unescaped to UTF-8, with `\b \f \n \r \t \" \\` and `\u00xx` for the other control
//!   characters.
//!
//! serde_json judges the grammar and unescapes strings; the code here only orders, expands numbers
//! and escapes. Nothing passes through `serde_json::Value` or `f64`.

pub mod canonical;
pub mod contains;
pub mod merge_patch;
mod number;
mod pointer;
mod scan;
pub mod schema;
#[cfg(test)]
pub(crate) mod strategy;
mod tree;

use std::fmt;
use std::sync::Arc;

/// A JSON document in canonical form; cloning shares the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Document(Arc<str>);

impl Document {
    /// Reads any JSON text (RFC 8259) and puts it into canonical form.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, breaks a limit, or holds what PostgreSQL's `jsonb` cannot keep:
    /// `\u0000`, a lone surrogate, a number outside `numeric`.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, DocumentError> {
        canonical::canonicalize(text, limits)
    }

    /// Reads JSON text whose outermost value must be an object.
    ///
    /// # Errors
    ///
    /// As [`Document::parse`], and [`DocumentErrorKind::NotAnObject`].
    pub fn parse_object(text: &str, limits: &Limits) -> Result<Self, DocumentError> {
        let document = Self::parse(text, limits)?;
        if document.is_object() {
            Ok(document)
        } else {
            Err(DocumentErrorKind::NotAnObject.into())
        }
    }

    /// Takes text that is canonical already, such as a database gives back.
    #[must_use]
    pub fn from_canonical(text: String) -> Self {
        Self(text.into())
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The canonical text, shared.
    #[must_use]
    pub fn into_text(self) -> Arc<str> {
        self.0
    }

    /// The text of an object's member `key` with this document as its value: `"key":value`.
    ///
    /// # Errors
    ///
    /// [`DocumentErrorKind::NulCharacter`] when the key has one.
    pub fn to_member(&self, key: &str) -> Result<String, DocumentError> {
        if key.contains('\0') {
            return Err(DocumentErrorKind::NulCharacter.into());
        }
        let mut text = String::with_capacity(key.len() + self.0.len() + 3);
        canonical::push_string(&mut text, key);
        text.push(':');
        text.push_str(&self.0);
        Ok(text)
    }

    /// True when the outermost value is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How large a document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes, of the text that arrives and of the canonical text alike.
    pub max_bytes: usize,
    /// Most arrays and objects inside each other; `{}` has depth 1.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 1024 * 1024,
            max_depth: 64,
        }
    }
}

/// Why a text cannot become a document, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct DocumentError {
    /// JSON pointer (RFC 6901) to the offending value; empty when it is the whole document.
    pub pointer: String,
    /// What is wrong there.
    pub kind: DocumentErrorKind,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentErrorKind {
    /// The text breaks JSON's grammar.
    #[error("is not JSON: {detail}")]
    NotJson {
        /// What the parser met, with line and column.
        detail: String,
    },
    /// The outermost value is not an object.
    #[error("must be a JSON object")]
    NotAnObject,
    /// Deeper than [`Limits::max_depth`].
    #[error("is nested deeper than {max_depth} levels")]
    TooDeep {
        /// The limit that was passed.
        max_depth: usize,
    },
    /// Longer than [`Limits::max_bytes`], as sent or with its numbers written out.
    #[error("is larger than {max_bytes} bytes, counted with every number written out")]
    TooLarge {
        /// The limit that was passed.
        max_bytes: usize,
    },
    /// `\u0000` in a string or a key, which PostgreSQL cannot store.
    #[error("contains the character U+0000, which cannot be stored")]
    NulCharacter,
    /// Half of a UTF-16 surrogate pair in a string or a key.
    #[error("contains half of a surrogate pair, which is not a character")]
    LoneSurrogate,
    /// More than 131072 digits before the decimal point or 16383 after it.
    #[error("is a number with more than 131072 digits before the point or 16383 after it")]
    NumberOutOfRange,
}

impl From<DocumentErrorKind> for DocumentError {
    fn from(kind: DocumentErrorKind) -> Self {
        Self {
            pointer: String::new(),
            kind,
        }
    }
}

impl DocumentError {
    /// The same error seen from one level further out, where the value stands at `segment`.
    fn within(mut self, segment: impl fmt::Display) -> Self {
        self.pointer = pointer::prefixed(segment, &self.pointer);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (String, DocumentErrorKind) {
        let error = Document::parse(text, &Limits::default()).unwrap_err();
        (error.pointer, error.kind)
    }

    #[test]
    fn errors_name_the_place() {
        use DocumentErrorKind::{LoneSurrogate, NulCharacter, NumberOutOfRange, TooDeep};
        assert_eq!(
            error(r#"{"a/b":[0,{"~":"\u0000"}]}"#),
            ("/a~1b/1/~0".into(), NulCharacter)
        );
        assert_eq!(error(r#"{"a":{"x\u0000":1}}"#), ("/a".into(), NulCharacter));
        assert_eq!(error(r#"["\ud800"]"#), ("/0".into(), LoneSurrogate));
        assert_eq!(
            error(r#"["a",["\udc00\ud800"]]"#),
            ("/1/0".into(), LoneSurrogate)
        );
        assert_eq!(error(r#"{"n":1e131072}"#), ("/n".into(), NumberOutOfRange));
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        assert_eq!(error(&deep), ("/0".repeat(64), TooDeep { max_depth: 64 }));
        assert!(Document::parse(&deep[1..129], &Limits::default()).is_ok());
    }

    #[test]
    fn grammar_is_strict() {
        for text in [
            "",
            "{",
            "{\"a\":1,}",
            "[01]",
            "[1.]",
            "'a'",
            "{} {}",
            "[\"\t\"]",
            "NaN",
            "[\"\\x\"]",
            "\u{feff}{}",
        ] {
            assert!(
                matches!(error(text).1, DocumentErrorKind::NotJson { .. }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_body_is_an_object() {
        let limits = Limits::default();
        assert!(Document::parse_object(" {} ", &limits).is_ok());
        for text in ["[]", "1", "\"{\"", "null"] {
            assert_eq!(
                Document::parse_object(text, &limits).unwrap_err().kind,
                DocumentErrorKind::NotAnObject
            );
        }
    }

    #[test]
    fn both_texts_have_a_limit() {
        let limits = Limits {
            max_bytes: 10,
            ..Limits::default()
        };
        assert!(Document::parse("[12345678]", &limits).is_ok());
        let too_large = DocumentErrorKind::TooLarge { max_bytes: 10 };
        for text in ["[123456789]", "[1, 2, 3, 4]", "[1e9]", "[[],1e6]"] {
            let error = Document::parse(text, &limits).unwrap_err();
            assert_eq!(error.kind, too_large, "{text}");
        }
    }

    #[test]
    fn amplification_ends_early() {
        let numbers = vec!["1e131071"; 100_000].join(",");
        let started = std::time::Instant::now();
        assert!(matches!(
            error(&format!("[{numbers}]")).1,
            DocumentErrorKind::TooLarge { .. }
        ));
        let nested = "[".repeat(1024 * 1024);
        assert!(Document::parse(&nested, &Limits::default()).is_err());
        assert!(started.elapsed().as_secs() < 5);
    }
}
