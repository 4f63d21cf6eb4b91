//! Canonical text: written from a tree, or taken from what PostgreSQL's `jsonb` prints.

use memchr::memchr;
use serde::de::IgnoredAny;

use super::number::{self, Expansion};
use super::scan::end_of_string;
use super::tree::Tree;
use super::{Document, DocumentError, DocumentErrorKind, Limits};

/// Reads JSON text of any form; see [`Document::parse`].
pub(super) fn canonicalize(text: &str, limits: &Limits) -> Result<Document, DocumentError> {
    if text.len() > limits.max_bytes {
        return Err(too_large(limits));
    }
    // One pass without recursion or allocation judges the grammar for all that follows.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| DocumentErrorKind::NotJson {
        detail: error.to_string(),
    })?;
    write(&Tree::read(text, limits.max_depth)?, text.len(), limits)
}

/// Writes a tree as a document; `hint` is the expected length in bytes.
pub(super) fn write(
    tree: &Tree<'_>,
    hint: usize,
    limits: &Limits,
) -> Result<Document, DocumentError> {
    let mut writer = Writer {
        out: String::with_capacity(hint.min(limits.max_bytes)),
        limits,
    };
    writer.value(tree)?;
    if writer.out.len() > limits.max_bytes {
        return Err(too_large(limits));
    }
    Ok(Document(writer.out.into()))
}

/// Turns the text of a PostgreSQL `jsonb` value into canonical text.
///
/// `jsonb` prints one blank after each `:` and `,` and is canonical otherwise, so the blanks
/// outside strings are dropped in one pass. The text is trusted to be `jsonb`'s.
///
/// # Errors
///
/// [`DocumentErrorKind::NotJson`] when the bytes are not UTF-8 or a string has no end.
pub fn compact_jsonb(bytes: &[u8]) -> Result<String, DocumentError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentErrorKind::NotJson {
        detail: error.to_string(),
    })?;
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(quote) = memchr(b'"', &bytes[at..]) {
        let start = at + quote;
        let end = end_of_string(bytes, start + 1).ok_or_else(|| DocumentErrorKind::NotJson {
            detail: "a string has no end".to_owned(),
        })?;
        push_without_blanks(&mut out, &text[at..start]);
        out.push_str(&text[start..end]);
        at = end;
    }
    push_without_blanks(&mut out, &text[at..]);
    Ok(out)
}

fn push_without_blanks(out: &mut String, text: &str) {
    for piece in text.split(' ') {
        out.push_str(piece);
    }
}

/// Appends `text` as a JSON string, escaped as `jsonb` does.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
    {
        out.push_str(&rest[..at]);
        push_escape(out, rest.as_bytes()[at]);
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

fn push_escape(out: &mut String, byte: u8) {
    let short = match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        0x08 => "\\b",
        0x0c => "\\f",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        other => {
            out.push_str(&format!("\\u{other:04x}"));
            return;
        }
    };
    out.push_str(short);
}

struct Writer<'l> {
    out: String,
    limits: &'l Limits,
}

impl Writer<'_> {
    fn value(&mut self, tree: &Tree<'_>) -> Result<(), DocumentError> {
        match tree {
            Tree::Null => self.out.push_str("null"),
            Tree::Bool(true) => self.out.push_str("true"),
            Tree::Bool(false) => self.out.push_str("false"),
            Tree::Number(number) => self.number(number)?,
            Tree::String(text) => push_string(&mut self.out, text),
            Tree::Array(items) => self.array(items)?,
            Tree::Object(_) => self.object(tree)?,
        }
        Ok(())
    }

    /// Only numbers can grow, so only here may the text outrun the one that was measured.
    fn number(&mut self, number: &str) -> Result<(), DocumentError> {
        if number::is_plain(number) {
            self.out.push_str(number);
            return Ok(());
        }
        let expansion = Expansion::of(number).map_err(|_| DocumentErrorKind::NumberOutOfRange)?;
        if self.out.len() + expansion.len() > self.limits.max_bytes {
            return Err(too_large(self.limits));
        }
        expansion.write(&mut self.out);
        Ok(())
    }

    fn array(&mut self, items: &[Tree<'_>]) -> Result<(), DocumentError> {
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.value(item).map_err(|error| placed(error, index))?;
        }
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, tree: &Tree<'_>) -> Result<(), DocumentError> {
        let Tree::Object(members) = tree else {
            return Ok(());
        };
        self.out.push('{');
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            push_string(&mut self.out, &member.key);
            self.out.push(':');
            self.value(&member.value)
                .map_err(|error| placed(error, &member.key))?;
        }
        self.out.push('}');
        Ok(())
    }
}

/// Size is a fault of the whole document; every other error is one of a place in it.
fn placed(error: DocumentError, segment: impl std::fmt::Display) -> DocumentError {
    match error.kind {
        DocumentErrorKind::TooLarge { .. } => error,
        _ => error.within(segment),
    }
}

fn too_large(limits: &Limits) -> DocumentError {
    let max_bytes = limits.max_bytes;
    DocumentErrorKind::TooLarge { max_bytes }.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategy::{arbitrary_document, loosely_written};
    use super::*;

    fn canonical(text: &str) -> String {
        let document = Document::parse(text, &Limits::default()).unwrap();
        document.as_str().to_owned()
    }

    #[test]
    fn writes_what_jsonb_prints() {
        for (text, expected) in [
            (
                r#" { "b" : 1 , "a" : [ ] , "cc" : { } } "#,
                r#"{"a":[],"b":1,"cc":{}}"#,
            ),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (r#"{"é":1,"zz":2,"z":3}"#, r#"{"z":3,"zz":2,"é":1}"#),
            (r#"["\u0041\/\ud83d\ude00\u007f"]"#, "[\"A/😀\u{7f}\"]"),
            (
                r#"["\b\f\n\r\t\"\\\u001F\u0001"]"#,
                r#"["\b\f\n\r\t\"\\\u001f\u0001"]"#,
            ),
            (
                r#"[1e2,-0.0,1.0,18446744073709551617]"#,
                "[100,0.0,1.0,18446744073709551617]",
            ),
            (r#"{"\u0061":1,"a":2}"#, r#"{"a":2}"#),
            ("\t\"x\"\r\n", "\"x\""),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn drops_the_blanks_of_jsonb() {
        for (jsonb, expected) in [
            (
                r#"{"a": 1, "b c": ["x, y: \" z", {"d": null}]}"#,
                r#"{"a":1,"b c":["x, y: \" z",{"d":null}]}"#,
            ),
            ("[]", "[]"),
            ("1", "1"),
            (r#""a b""#, r#""a b""#),
            (r#"["\\", " "]"#, r#"["\\"," "]"#),
        ] {
            assert_eq!(compact_jsonb(jsonb.as_bytes()).unwrap(), expected);
        }
        assert!(compact_jsonb(b"\"\xff\"").is_err());
        assert!(compact_jsonb(b"[\"a").is_err());
    }

    proptest! {
        #[test]
        fn canonical_text_is_a_fixed_point(document in arbitrary_document()) {
            prop_assert_eq!(canonical(document.as_str()), document.as_str());
        }

        #[test]
        fn spelling_does_not_matter((loose, document) in loosely_written()) {
            prop_assert_eq!(canonical(&loose), document.as_str());
        }

        #[test]
        fn blanks_of_jsonb_are_dropped(document in arbitrary_document()) {
            let jsonb = super::super::strategy::as_jsonb(&document);
            prop_assert_eq!(compact_jsonb(jsonb.as_bytes()).unwrap(), document.as_str());
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}:,\"\\\\ue0-9.+\\- a\u{e9}-]{0,40}") {
            let _ = Document::parse(&text, &Limits::default());
            let _ = compact_jsonb(text.as_bytes());
        }
    }
}
