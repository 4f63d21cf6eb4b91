//! Schemas and documents made to take long.

use super::tests::{document, is_valid};
use super::*;

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
fn campaign_references_that_double_with_depth_end() {
    let half = r##"{"items":{"$ref":"#"},"type":["array","null"]}"##;
    let schema = format!(r#"{{"anyOf":[{}]}}"#, [half; 2].join(","));
    let body = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    assert!(outcome(schema, body).unwrap().is_err());
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
fn campaign_unique_items_is_not_quadratic() {
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
fn campaign_a_large_document_is_valid_or_explained() {
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
fn campaign_errors_by_the_million_are_not_collected() {
    let schema = format!(
        r#"{{"anyOf":[{{"items":{{"anyOf":[{}]}}}}]}}"#,
        ["false"; 40].join(",")
    );
    let body = format!("[{}]", ["0"; 20_000].join(","));
    let found = outcome(schema, body).unwrap().unwrap_err();
    assert!(found.len() <= MAX_VIOLATIONS);
}

#[test]
fn slow_expressions_are_bounded() {
    let pattern = "[01]*1[01]{790}[23]";
    for body in [
        format!("\"{}\"", "01101".repeat(200_000)),
        format!(
            "[{}]",
            [format!("\"{}\"", "01101".repeat(200)).as_str(); 3].join(",")
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
