use super::super::Limits;
use super::*;

pub(super) fn document(text: &str) -> Document {
    Document::parse(text, &Limits::default()).unwrap()
}

pub(super) fn compiled(schema: &str) -> CollectionSchema {
    let document = Document::parse(
        schema,
        &Limits {
            max_depth: 100,
            ..Limits::default()
        },
    );
    CollectionSchema::compile(&document.unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn refused(schema: &str) -> SchemaError {
    let document = Document::parse(
        schema,
        &Limits {
            max_depth: 100,
            ..Limits::default()
        },
    );
    match CollectionSchema::compile(&document.unwrap()) {
        Ok(_) => panic!("compiled: {}", &schema[..schema.len().min(200)]),
        Err(error) => error,
    }
}

pub(super) fn violations(schema: &str, body: &str) -> Vec<(String, String)> {
    let found = compiled(schema)
        .validate(&document(body))
        .err()
        .unwrap_or_default();
    found
        .into_iter()
        .map(|violation| (violation.pointer, violation.detail))
        .collect()
}

pub(super) fn is_valid(schema: &str, body: &str) -> bool {
    violations(schema, body).is_empty()
}

#[test]
fn violations_have_places_and_no_values() {
    let schema = r#"{"properties":{"a/b":{"items":{"type":"integer"}},"s":{"maxLength":3}},"required":["id"]}"#;
    let found = violations(schema, r#"{"a/b":[1,"secret",2.5],"s":"secret"}"#);
    let pointers: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["", "/s", "/a~1b/1", "/a~1b/2"]);
    assert_eq!(found[0].1, "\"id\" is a required property");
    assert_eq!(found[2].1, "value is not of type \"integer\"");
    assert!(found.iter().all(|(_, detail)| !detail.contains("secret")));
}

#[test]
fn violations_are_few_and_short() {
    let body = format!("[{}]", vec!["\"x\""; 1000].join(","));
    assert_eq!(
        violations(r#"{"items":{"type":"integer"}}"#, &body).len(),
        MAX_VIOLATIONS
    );
    let options: Vec<String> = (0..500).map(|n| format!("\"é{n}\"")).collect();
    let enumeration = format!(r#"{{"enum":[{}]}}"#, options.join(","));
    let constant = format!(r#"{{"const":"{}"}}"#, "é".repeat(500));
    for schema in [enumeration, constant] {
        let found = violations(&schema, "\"x\"");
        assert!(found[0].1.chars().count() <= MAX_DETAIL, "{}", found[0].1);
    }
}

#[test]
fn numbers_are_exact() {
    let big = "123456789012345678901234567890";
    for (schema, body, valid) in [
        (r#"{"type":"integer"}"#, big.to_owned(), true),
        (r#"{"type":"integer"}"#, "1e400".to_owned(), true),
        (r#"{"type":"integer"}"#, "1.000".to_owned(), true),
        (r#"{"type":"integer"}"#, "1e-400".to_owned(), false),
        (r#"{"type":"integer"}"#, format!("{big}.5"), false),
        (r#"{"type":"number"}"#, "1e400".to_owned(), true),
        (
            r#"{"maximum":18446744073709551616}"#,
            "18446744073709551616".to_owned(),
            true,
        ),
        (
            r#"{"maximum":18446744073709551616}"#,
            "18446744073709551617".to_owned(),
            false,
        ),
        (
            r#"{"exclusiveMaximum":18446744073709551616}"#,
            "18446744073709551616".to_owned(),
            false,
        ),
        (
            r#"{"minimum":-18446744073709551616}"#,
            "-18446744073709551617".to_owned(),
            false,
        ),
        (r#"{"maximum":100}"#, "1e400".to_owned(), false),
        (r#"{"minimum":100}"#, "1e400".to_owned(), true),
        (r#"{"minimum":100}"#, "-1e400".to_owned(), false),
        (
            r#"{"maximum":100}"#,
            "100.00000000000000000001".to_owned(),
            false,
        ),
        (r#"{"exclusiveMinimum":0}"#, "1e-400".to_owned(), true),
        (r#"{"exclusiveMinimum":0}"#, "0e-10".to_owned(), false),
        (r#"{"maximum":0.1}"#, "0.1".to_owned(), true),
        (
            r#"{"maximum":0.1}"#,
            "0.10000000000000000000001".to_owned(),
            false,
        ),
        (r#"{"maximum":1e400}"#, "1e400".to_owned(), true),
        (r#"{"maximum":1e400}"#, "1e401".to_owned(), false),
        (r#"{"const":1e400}"#, "1e400".to_owned(), true),
        (r#"{"const":1e400}"#, "1e401".to_owned(), false),
        (r#"{"const":1}"#, "1.00".to_owned(), true),
        (
            r#"{"const":9007199254740993}"#,
            "9007199254740992".to_owned(),
            false,
        ),
        (
            r#"{"const":9007199254740993}"#,
            "9007199254740993.0".to_owned(),
            true,
        ),
        (r#"{"const":{"a":[1.0]}}"#, r#"{"a":[1]}"#.to_owned(), true),
        (
            r#"{"enum":[18446744073709551617,2]}"#,
            "18446744073709551617".to_owned(),
            true,
        ),
        (
            r#"{"enum":[18446744073709551617,2]}"#,
            "18446744073709551616".to_owned(),
            false,
        ),
        (r#"{"enum":[1,2]}"#, "2.0".to_owned(), true),
        (r#"{"multipleOf":0.01}"#, "1070468.14".to_owned(), true),
        (r#"{"multipleOf":0.01}"#, "0.015".to_owned(), false),
        (
            r#"{"multipleOf":3}"#,
            "300000000000000000000000000003".to_owned(),
            true,
        ),
        (
            r#"{"multipleOf":3}"#,
            "300000000000000000000000000001".to_owned(),
            false,
        ),
        (r#"{"multipleOf":7}"#, "1e400".to_owned(), false),
        (r#"{"uniqueItems":true}"#, "[1,1.0]".to_owned(), false),
        (
            r#"{"uniqueItems":true}"#,
            r#"[{"a":1,"b":2},{"b":2.0,"a":1}]"#.to_owned(),
            false,
        ),
        (
            r#"{"uniqueItems":true}"#,
            "[9007199254740992,9007199254740993]".to_owned(),
            true,
        ),
        (
            r#"{"uniqueItems":true}"#,
            r#"[1,"1",[1],{"a":1},null,true,false,0,"",[],{}]"#.to_owned(),
            true,
        ),
    ] {
        assert_eq!(
            is_valid(schema, &body),
            valid,
            "{schema} {}",
            &body[..body.len().min(60)]
        );
    }
}

#[test]
fn formats_and_patterns_are_asserted() {
    for (schema, good, bad) in [
        (
            r#"{"format":"date-time"}"#,
            "\"2026-01-02T03:04:05Z\"",
            "\"yesterday\"",
        ),
        (
            r#"{"format":"uuid"}"#,
            "\"0196f2a0-7b3e-7cc1-8000-000000000000\"",
            "\"x\"",
        ),
        (r#"{"format":"email"}"#, "\"a@example.com\"", "\"a\""),
        (r#"{"pattern":"^\\d+$"}"#, "\"123\"", "\"12a\""),
        (r#"{"pattern":"^\\p{L}{1,20}$"}"#, "\"Übung\"", "\"1\""),
        (
            r#"{"patternProperties":{"^x-":{"type":"string"}}}"#,
            r#"{"x-a":"b"}"#,
            r#"{"x-a":1}"#,
        ),
        (
            r#"{"propertyNames":{"maxLength":3}}"#,
            r#"{"abc":1}"#,
            r#"{"abcd":1}"#,
        ),
        (r#"{"anyOf":[{"type":"string"},{"minimum":5}]}"#, "5", "4"),
        (
            r#"{"unevaluatedProperties":false,"allOf":[{"properties":{"a":true}}]}"#,
            r#"{"a":1}"#,
            r#"{"b":1}"#,
        ),
        (
            r##"{"items":{"$ref":"#/$defs/x"},"$defs":{"x":{"type":"null"}}}"##,
            "[null]",
            "[1]",
        ),
        (
            r##"{"$id":"https://example.com/s","properties":{"next":{"$ref":"#"}},"required":["v"]}"##,
            r#"{"v":1,"next":{"v":2}}"#,
            r#"{"v":1,"next":{}}"#,
        ),
        (
            r##"{"$defs":{"n":{"$anchor":"n","type":"integer"}},"items":{"$ref":"#n"}}"##,
            "[1]",
            "[\"\"]",
        ),
    ] {
        assert!(is_valid(schema, good), "{schema}");
        assert!(!is_valid(schema, bad), "{schema}");
    }
}

#[test]
fn bad_schemas_are_explained() {
    for (schema, pointer) in [
        ("[]", ""),
        (r#"{"type":"strng"}"#, "/type"),
        (
            r#"{"properties":{"a":{"minLength":-1}}}"#,
            "/properties/a/minLength",
        ),
        (
            r#"{"properties":{"a":{"pattern":"("}}}"#,
            "/properties/a/pattern",
        ),
        (r#"{"$ref":"https://example.com/x"}"#, "/$ref"),
        (
            r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
            "/$schema",
        ),
    ] {
        let error = refused(schema);
        assert_eq!(error.pointer, pointer, "{schema}: {error}");
        assert!(!error.detail.is_empty());
    }
    for pattern in ["(?=a)b", r"(a)\\1", "(a{1000}){1000}"] {
        refused(&format!(r#"{{"pattern":"{pattern}"}}"#));
    }
    assert!(
        refused(&format!(
            r#"{{"title":"{}"}}"#,
            "x".repeat(MAX_SCHEMA_BYTES)
        ))
        .detail
        .contains("larger")
    );
    let deep = format!("{}true{}", r#"{"not":"#.repeat(40), "}".repeat(40));
    assert!(refused(&deep).detail.contains("deeper"));
}

#[test]
fn the_cache_keeps_one_schema_for_each_version() {
    let cache = SchemaCache::new(1024 * 1024);
    let id = Uuid::nil();
    let integer = cache
        .get_or_compile(id, 1, &document(r#"{"type":"integer"}"#))
        .unwrap();
    let again = cache.get_or_compile(id, 1, &document("{}")).unwrap();
    assert!(Arc::ptr_eq(&integer, &again));
    let second = cache.get_or_compile(id, 2, &document("{}")).unwrap();
    assert!(second.validate(&document("\"\"")).is_ok());
    assert!(
        cache
            .get_or_compile(id, 3, &document(r#"{"type":1}"#))
            .is_err()
    );
    assert!(cache.get(id, 1).is_some() && cache.get(id, 3).is_none());
}
