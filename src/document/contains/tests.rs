use proptest::prelude::*;
use serde_json::Value;

use super::super::Limits;
use super::super::strategy::{arbitrary_document, document_and_parts, document_and_pattern};
use super::*;

fn document(text: &str) -> Document {
    Document::parse(text, &Limits::default()).unwrap()
}

#[test]
fn agrees_with_the_manual() {
    for (left, right, expected) in [
        // PostgreSQL manual, 8.14.3.
        ("\"foo\"", "\"foo\"", true),
        ("[1,2,3]", "[1,3]", true),
        ("[1,2,3]", "[3,1]", true),
        ("[1,2,3]", "[1,2,2]", true),
        (r#"{"p":1,"v":9.4,"j":true}"#, r#"{"v":9.4}"#, true),
        ("[1,2,[1,3]]", "[1,3]", false),
        ("[1,2,[1,3]]", "[[1,3]]", true),
        (r#"{"foo":{"bar":"baz"}}"#, r#"{"bar":"baz"}"#, false),
        (r#"{"foo":{"bar":"baz"}}"#, r#"{"foo":{}}"#, true),
        (r#"["foo","bar"]"#, "\"bar\"", true),
        ("\"bar\"", r#"["bar"]"#, false),
        // Numbers by value.
        (r#"{"a":1.00}"#, r#"{"a":1}"#, true),
        (r#"{"a":100}"#, r#"{"a":1e2}"#, true),
        (r#"{"a":10}"#, r#"{"a":1}"#, false),
        ("[0.0]", "[-0]", true),
        // Kinds do not mix, and the outermost exception does not reach inside.
        (r#"{"a":[1]}"#, r#"{"a":1}"#, false),
        ("[[1]]", "[1]", false),
        ("[[1]]", "1", false),
        ("{}", "[]", false),
        ("[]", "{}", false),
        ("[]", "[]", true),
        ("1", "[]", false),
        ("[null]", "null", true),
        ("[\"1\"]", "1", false),
        (r#"{"a":null}"#, r#"{"b":null}"#, false),
        (r#"[{"a":1},{"b":2}]"#, r#"[{"a":1,"b":2}]"#, false),
        (r#"[{"a":1,"b":2}]"#, r#"[{"a":1},{"b":2},{}]"#, true),
        (r#"{"a":"x\ny","b\"":1}"#, r#"{"b\"":1}"#, true),
    ] {
        assert_eq!(
            contains(&document(left), &document(right)),
            expected,
            "{left} @> {right}"
        );
    }
}

#[test]
fn damaged_rows_match_nothing() {
    let pattern = Pattern::new(&document("{}"));
    for row in ["", "{", "{\"a\":", "{\"a\" 1}", "[", "\""] {
        assert!(!pattern.matches(row), "{row:?}");
    }
}

/// `@>` in the manual's words, over parsed values.
fn reference(left: &Value, right: &Value) -> bool {
    if let (Value::Array(left), false) = (left, right.is_array() || right.is_object()) {
        return left.iter().any(|item| inner(item, right));
    }
    inner(left, right)
}

fn inner(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => right
            .iter()
            .all(|(key, wanted)| left.get(key).is_some_and(|value| inner(value, wanted))),
        (Value::Array(left), Value::Array(right)) => right
            .iter()
            .all(|wanted| left.iter().any(|item| inner(item, wanted))),
        (Value::Number(left), Value::Number(right)) => {
            number::value(&left.to_string()) == number::value(&right.to_string())
        }
        (left, right) => left == right,
    }
}

proptest! {
    #[test]
    fn agrees_with_the_reference((left, right) in document_and_pattern()) {
        let value = |document: &Document| serde_json::from_str(document.as_str()).unwrap();
        let expected = reference(&value(&left), &value(&right));
        prop_assert_eq!(contains(&left, &right), expected);
    }

    #[test]
    fn a_document_contains_itself(document in arbitrary_document()) {
        prop_assert!(contains(&document, &document));
    }

    #[test]
    fn a_document_contains_its_parts([whole, part, crumb] in document_and_parts()) {
        prop_assert!(contains(&whole, &part));
        prop_assert!(contains(&part, &crumb));
        prop_assert!(contains(&whole, &crumb));
    }
}
