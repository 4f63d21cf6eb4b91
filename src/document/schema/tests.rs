use super::super::Limits;
use super::*;

fn document(text: &str) -> Document {
    Document::parse(text, &Limits::default()).unwrap()
}

fn compiled(schema: &str) -> CollectionSchema {
    let document = Document::parse(
        schema,
        &Limits {
            max_depth: 100,
            ..Limits::default()
        },
    );
    CollectionSchema::compile(&document.unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(schema: &str) -> SchemaError {
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

fn violations(schema: &str, body: &str) -> Vec<(String, String)> {
    let found = compiled(schema)
        .validate(&document(body))
        .err()
        .unwrap_or_default();
    found
        .into_iter()
        .map(|violation| (violation.pointer, violation.detail))
        .collect()
}

fn is_valid(schema: &str, body: &str) -> bool {
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

/// A list of `item` that fills a document large enough to show any work that grows faster than it,
/// and small enough for a suite.
fn filled_with(item: &str) -> String {
    let count = 150 * 1024 / (item.len() + 1);
    format!("[{}]", vec![item; count].join(","))
}

/// Validates on a thread with the stack that the server's threads have, and in bounded time.
fn outcome(schema: String, body: String) -> Result<Result<(), Vec<Violation>>, SchemaError> {
    let started = std::time::Instant::now();
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let run = move || {
        let schema = CollectionSchema::compile(&document(&schema))?;
        Ok(schema.validate(&document(&body)))
    };
    let outcome = thread.spawn(run).unwrap().join().unwrap();
    assert!(
        started.elapsed().as_secs() < 20,
        "took {:?}",
        started.elapsed()
    );
    outcome
}

#[test]
fn recursion_stays_on_the_stack() {
    for link in [
        r##"{"allOf":[{"$ref":"NEXT"}]}"##,
        r##"{"anyOf":[{"$ref":"NEXT"}]}"##,
        r##"{"oneOf":[{"$ref":"NEXT"}]}"##,
        r##"{"not":{"$ref":"NEXT"}}"##,
        r##"{"if":true,"then":{"$ref":"NEXT"}}"##,
        r##"{"$ref":"NEXT"}"##,
    ] {
        for length in [2, 10, 15, 30] {
            let links = (0..length).map(|n| {
                format!(
                    r#""d{n}":{}"#,
                    link.replace("NEXT", &format!("#/$defs/d{}", n + 1))
                )
            });
            let links: Vec<_> = links.collect();
            let end = r##"{"items":{"$ref":"#"},"type":["array","string"]}"##;
            let schema = format!(
                r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d{length}":{end}}}}}"##,
                links.join(",")
            );
            let body = format!("{}1{}", "[".repeat(64), "]".repeat(64));
            // Whatever the verdict: the process is still there.
            let _ = outcome(schema, body);
        }
    }
}

#[test]
fn references_that_double_with_depth_end() {
    let half = r##"{"items":{"$ref":"#"},"type":["array","null"]}"##;
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let schema = format!(r#"{{"{keyword}":[{}]}}"#, [half; 2].join(","));
        let body = format!("{}1{}", "[".repeat(64), "]".repeat(64));
        assert!(outcome(schema, body).unwrap().is_err());
    }
    let levels = (0..800).map(|n| {
        let next = n + 1;
        format!(r##""d{n}":{{"prefixItems":[{{"$ref":"#/$defs/d{next}"}},{{"$ref":"#/$defs/d{next}"}}]}}"##)
    });
    let levels: Vec<_> = levels.collect();
    let schema = format!(
        r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d800":{{}}}}}}"##,
        levels.join(",")
    );
    assert!(outcome(schema, filled_with("[[],[]]")).unwrap().is_ok());
}

#[test]
fn unique_items_is_not_quadratic() {
    let unique = |items: Vec<String>| {
        let body = format!("[{}]", items.join(","));
        outcome(r#"{"uniqueItems":true}"#.to_owned(), body).unwrap()
    };
    // Numbers that share a nearest `f64`, and arrays that differ in shape only.
    assert!(
        unique(
            (0..20_000)
                .map(|n| format!("90000000000000{n:05}"))
                .collect()
        )
        .is_ok()
    );
    let nested = |n: usize| {
        (0..12)
            .map(|bit| if n >> bit & 1 == 1 { "[[]]" } else { "[]" })
            .collect::<Vec<_>>()
            .join(",")
    };
    assert!(unique((0..4_096).map(|n| format!("[{}]", nested(n))).collect()).is_ok());
    assert!(
        unique(
            (0..4_097)
                .map(|n| format!("[{}]", nested(n % 4_096)))
                .collect()
        )
        .is_err()
    );
}

#[test]
fn a_large_document_is_valid_or_explained() {
    let schema = r#"{"items":{"type":"object","properties":{"a":{"type":"integer","minimum":0}},"required":["a"]}}"#;
    let body = format!("[{}]", vec![r#"{"a":1}"#; 130_000].join(","));
    assert!(outcome(schema.to_owned(), body).unwrap().is_ok());
    let last = format!("[{},-1]", vec!["1"; 500_000].join(","));
    let found = outcome(r#"{"items":{"minimum":0}}"#.to_owned(), last)
        .unwrap()
        .unwrap_err();
    assert_eq!(found[0].pointer, "/500000");
}

#[test]
fn errors_by_the_million_are_not_collected() {
    let schema = format!(
        r#"{{"anyOf":[{{"items":{{"anyOf":[{}]}}}}]}}"#,
        ["false"; 40].join(",")
    );
    let found = outcome(schema, filled_with("0")).unwrap().unwrap_err();
    assert!(found.len() <= MAX_VIOLATIONS);
}

#[test]
fn slow_expressions_are_bounded() {
    let pattern = "[01]*1[01]{790}[23]";
    for body in [
        format!("\"{}\"", "01101".repeat(200_000)),
        format!(
            "[{}]",
            [format!("\"{}\"", "01101".repeat(200)).as_str(); 10].join(",")
        ),
    ] {
        let schema = format!(r#"{{"pattern":"{pattern}","items":{{"pattern":"{pattern}"}}}}"#);
        assert!(outcome(schema, body).unwrap().is_err());
    }
    let groups: Vec<_> = (0..80_000).map(|n| format!("(?<a{n}>)")).collect();
    let body = format!("\"{}\"", groups.concat());
    assert!(
        outcome(r#"{"format":"regex"}"#.to_owned(), body)
            .unwrap()
            .is_err()
    );
    assert!(
        is_valid(r#"{"format":"regex"}"#, r#""^a+$""#)
            && !is_valid(r#"{"format":"regex"}"#, "\"(\"")
    );
}

#[test]
fn numbers_of_many_digits_are_bounded() {
    for digits in [300, 9_999, 100_000] {
        let number = format!("{}.5", "7".repeat(digits));
        let schema = r#"{"items":{"type":"integer","minimum":0,"multipleOf":0.001}}"#;
        assert!(
            outcome(schema.to_owned(), filled_with(&number))
                .unwrap()
                .is_err()
        );
    }
    assert!(is_valid(r#"{"type":"integer","minimum":0}"#, "1e131071"));
}
