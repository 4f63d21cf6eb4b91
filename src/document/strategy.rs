//! Random documents for property tests.

use proptest::collection::vec;
use proptest::prelude::*;

use super::tree::{Member, Tree, key_order};
use super::{Document, Limits, canonical};

/// Any document: scalars, arrays and objects up to four levels deep, with awkward strings and
/// numbers. Few distinct values, so that two documents often have something in common.
pub(crate) fn arbitrary_document() -> impl Strategy<Value = Document> {
    value().prop_map(|loose| loose.document())
}

/// Any document whose outermost value is an object.
pub(crate) fn arbitrary_object() -> impl Strategy<Value = Document> {
    object(value()).prop_map(|loose| loose.document())
}

/// JSON text with blanks, escapes, exponents and duplicate keys, and the document it stands for.
pub(crate) fn loosely_written() -> impl Strategy<Value = (String, Document)> {
    value().prop_map(|loose| (loose.text(), loose.document()))
}

/// A document and a pattern that was cut out of it and shuffled, and sometimes changed, so that
/// containment holds about as often as not.
pub(crate) fn document_and_pattern() -> impl Strategy<Value = (Document, Document)> {
    (value(), value(), any::<u64>(), 0..4_u8).prop_map(|(left, other, seed, kind)| {
        let mut dice = Dice(seed | 1);
        let right = if kind == 0 {
            other
        } else {
            left.cut(&mut dice, kind == 1)
        };
        (left.document(), right.document())
    })
}

/// A document, a part of it, and a part of that part: each contains the ones after it.
pub(crate) fn document_and_parts() -> impl Strategy<Value = [Document; 3]> {
    (value(), any::<u64>()).prop_map(|(whole, seed)| {
        let mut dice = Dice(seed | 1);
        let part = whole.cut(&mut dice, true);
        let crumb = part.cut(&mut dice, true);
        [whole, part, crumb].map(|loose| loose.document())
    })
}

/// How PostgreSQL's `jsonb` prints `document`: with a blank after `:` and `,`.
pub(crate) fn as_jsonb(document: &Document) -> String {
    let mut out = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for character in document.as_str().chars() {
        out.push(character);
        match character {
            '"' if !escaped => quoted = !quoted,
            ':' | ',' if !quoted => out.push(' '),
            _ => {}
        }
        escaped = character == '\\' && !escaped;
    }
    out
}

/// A value with the spelling it was given.
#[derive(Clone, Debug)]
enum Loose {
    /// Written and canonical text.
    Scalar(&'static str, &'static str),
    Array(Vec<Loose>),
    Object(Vec<(Loose, Loose)>),
}

const SCALARS: &[(&str, &str)] = &[
    ("null", "null"),
    ("true", "true"),
    ("false", "false"),
    ("0", "0"),
    ("-0", "0"),
    ("-0.0", "0.0"),
    ("1", "1"),
    ("1.0", "1.0"),
    ("1.00", "1.00"),
    ("10e-1", "1.0"),
    ("1e0", "1"),
    ("1E2", "100"),
    ("100", "100"),
    ("-1.50e1", "-15.0"),
    ("18446744073709551617", "18446744073709551617"),
    ("1e-7", "0.0000001"),
    (
        "12345678901234567890.12345678901234567890",
        "12345678901234567890.12345678901234567890",
    ),
    ("1e30", "1000000000000000000000000000000"),
];

const STRINGS: &[(&str, &str)] = &[
    (r#""""#, r#""""#),
    (r#""a""#, r#""a""#),
    (r#""\u0061""#, r#""a""#),
    (r#""b""#, r#""b""#),
    (r#""aa""#, r#""aa""#),
    (r#""é""#, r#""é""#),
    (r#""\u00E9\/""#, r#""é/""#),
    (r#""\ud83d\uDE00""#, r#""😀""#),
    (r#""\u000a\u0008\u001F\u007f""#, "\"\\n\\b\\u001f\u{7f}\""),
    (r#""\"\\, : {}""#, r#""\"\\, : {}""#),
    (r#""null""#, r#""null""#),
    (r#""1""#, r#""1""#),
    (r#""~/ ""#, r#""~/ ""#),
];

fn string() -> impl Strategy<Value = Loose> + Clone {
    proptest::sample::select(STRINGS)
        .prop_map(|(written, canonical)| Loose::Scalar(written, canonical))
}

fn scalar() -> impl Strategy<Value = Loose> + Clone {
    let other = proptest::sample::select(SCALARS)
        .prop_map(|(written, canonical)| Loose::Scalar(written, canonical));
    prop_oneof![other, string()]
}

fn value() -> impl Strategy<Value = Loose> + Clone {
    scalar().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Loose::Array),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Loose> + Clone) -> impl Strategy<Value = Loose> + Clone {
    vec((string(), inner), 0..5).prop_map(Loose::Object)
}

impl Loose {
    /// JSON text with white space here and there.
    fn text(&self) -> String {
        match self {
            Self::Scalar(written, _) => (*written).to_owned(),
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(Self::text).collect();
                format!("[ {}\t]", items.join(" ,\n"))
            }
            Self::Object(members) => {
                let member =
                    |(key, value): &(Self, Self)| format!("{}\r: {}", key.text(), value.text());
                let members: Vec<_> = members.iter().map(member).collect();
                format!("\n{{{} }}", members.join(","))
            }
        }
    }

    /// The canonical document, made without the reader under test.
    fn document(&self) -> Document {
        canonical::write(&self.tree(), 0, &Limits::default()).expect("small and plain")
    }

    fn tree(&self) -> Tree<'static> {
        match self {
            Self::Scalar(_, "null") => Tree::Null,
            Self::Scalar(_, "true") => Tree::Bool(true),
            Self::Scalar(_, "false") => Tree::Bool(false),
            Self::Scalar(_, text) if text.starts_with('"') => Tree::String(decoded(text).into()),
            Self::Scalar(_, number) => Tree::Number(number),
            Self::Array(items) => Tree::Array(items.iter().map(Self::tree).collect()),
            Self::Object(members) => Tree::Object(Self::members(members)),
        }
    }

    fn members(members: &[(Self, Self)]) -> Vec<Member<'static>> {
        let mut unique: Vec<Member<'static>> = Vec::new();
        for (key, value) in members {
            let Self::Scalar(_, key) = key else { continue };
            let key = decoded(key);
            unique.retain(|member| member.key != key);
            let value = value.tree();
            unique.push(Member {
                key: key.into(),
                value,
            });
        }
        unique.sort_by(|left, right| key_order(&left.key, &right.key));
        unique
    }

    /// Leaves members and elements out and turns arrays about; `exact` changes nothing else.
    fn cut(&self, dice: &mut Dice, exact: bool) -> Self {
        match self {
            Self::Scalar(..) if !exact && dice.roll(12) == 0 => Self::Scalar("1", "1"),
            Self::Scalar(..) => self.clone(),
            Self::Array(items) => {
                let mut kept: Vec<_> = items
                    .iter()
                    .rev()
                    .map(|item| item.cut(dice, exact))
                    .collect();
                kept.retain(|_| dice.roll(3) > 0);
                if !exact && dice.roll(20) == 0 {
                    return kept.pop().unwrap_or(Self::Array(Vec::new()));
                }
                Self::Array(kept)
            }
            // Duplicates must go before anything is left out.
            Self::Object(members) => {
                let mut kept: Vec<(Self, Self)> = Vec::new();
                for (key, value) in members {
                    kept.retain(|(other, _)| other.canonical() != key.canonical());
                    kept.push((key.clone(), value.clone()));
                }
                kept.retain(|_| dice.roll(3) > 0);
                for (_, value) in &mut kept {
                    *value = value.cut(dice, exact);
                }
                Self::Object(kept)
            }
        }
    }

    fn canonical(&self) -> &'static str {
        match self {
            Self::Scalar(_, canonical) => canonical,
            _ => "",
        }
    }
}

fn decoded(quoted: &str) -> String {
    serde_json::from_str(quoted).expect("a string of the table")
}

/// A small xorshift generator: the cut must depend on the seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }
}
