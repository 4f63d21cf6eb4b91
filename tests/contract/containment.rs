//! `filter`: containment as PostgreSQL's `@>` has it, on both databases.

use serde_json::{Value, json};

use crate::support::app::App;

on_both!(finds_what_contains_the_filter);
async fn finds_what_contains_the_filter(app: App) {
    let gpt = app.gpt_with_notes().await;
    let documents = [
        ("empty", r#"{}"#),
        ("open", r#"{"status":"open","n":1,"tags":["red","blue"]}"#),
        ("closed", r#"{"status":"closed","n":1.0,"tags":["red"]}"#),
        ("nested", r#"{"a":{"b":{"c":1,"d":2}},"n":100}"#),
        ("array", r#"{"a":[{"b":1,"c":2},{"b":3}],"n":1e2}"#),
        ("matrix", r#"{"m":[[1,2],[3]],"n":18446744073709551617}"#),
        (
            "words",
            r#"{"größe":"Ünïcödé 😀","quote":"a\"b\\c","null":null,"yes":true}"#,
        ),
    ];
    let operations = documents.map(|(name, text)| {
        let text = text
            .replacen('{', &format!("{{\"name\":\"{name}\","), 1)
            .replace(",}", "}");
        json!({ "op": "create", "body_json": text })
    });
    gpt.batch_objects("notes", Value::from(operations.to_vec()))
        .await
        .expect(200);
    for (filter, found) in [
        (r#"{}"#, "array,closed,empty,matrix,nested,open,words"),
        (r#"{"status":"open"}"#, "open"),
        (r#"{"status":"ope"}"#, ""),
        (r#"{"status":["open"]}"#, ""),
        (r#"{"n":1}"#, "closed,open"),
        (r#"{"n":1.0}"#, "closed,open"),
        (r#"{"n":1.00e0}"#, "closed,open"),
        (r#"{"n":"1"}"#, ""),
        (r#"{"n":100}"#, "array,nested"),
        (r#"{"n":18446744073709551617}"#, "matrix"),
        (r#"{"n":18446744073709551616}"#, ""),
        (r#"{"tags":["red"]}"#, "closed,open"),
        (r#"{"tags":["blue","red","red"]}"#, "open"),
        (r#"{"tags":[]}"#, "closed,open"),
        (r#"{"tags":"red"}"#, ""),
        (r#"{"tags":["green"]}"#, ""),
        (r#"{"a":{}}"#, "nested"),
        (r#"{"a":{"b":{"c":1}}}"#, "nested"),
        (r#"{"a":{"b":{"c":2}}}"#, ""),
        (r#"{"a":[{"b":1}]}"#, "array"),
        (r#"{"a":[{"b":3},{"c":2}]}"#, "array"),
        (r#"{"a":[{"b":3,"c":2}]}"#, ""),
        (r#"{"a":[]}"#, "array"),
        (r#"{"m":[[2]]}"#, "matrix"),
        (r#"{"m":[[3],[2,1]]}"#, "matrix"),
        (r#"{"m":[2]}"#, ""),
        (r#"{"m":[[1,3]]}"#, ""),
        (r#"{"größe":"Ünïcödé 😀"}"#, "words"),
        (
            r#"{"gr\u00f6\u00dfe":"\u00dcn\u00efc\u00f6d\u00e9 \ud83d\ude00"}"#,
            "words",
        ),
        (r#"{"quote":"a\"b\\c"}"#, "words"),
        (r#"{"null":null}"#, "words"),
        (r#"{"missing":null}"#, ""),
        (r#"{"yes":true,"null":null}"#, "words"),
        (r#"{"yes":false}"#, ""),
    ] {
        let page = gpt
            .list_objects("notes")
            .query("filter", filter)
            .await
            .expect(200);
        let mut names: Vec<_> = page
            .items()
            .iter()
            .map(|item| item["body"]["name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names.join(","), found, "{filter}");
    }
}

on_both!(pages_through_what_is_found);
async fn pages_through_what_is_found(app: App) {
    let gpt = app.gpt_with_notes().await;
    let operations: Vec<_> = (0..100)
        .map(|n| json!({ "op": "create", "body": { "n": n, "third": n % 3 == 0 } }))
        .collect();
    gpt.batch_objects("notes", operations.into())
        .await
        .expect(200);
    for order in ["asc", "desc"] {
        let pages = gpt
            .pages(|| {
                let list = gpt
                    .list_objects("notes")
                    .query("limit", 7)
                    .query("order", order);
                list.query("filter", "{\"third\":true}")
            })
            .await;
        let found = pages.iter().flat_map(|page| page.items());
        let mut numbers: Vec<_> = found
            .map(|item| item["body"]["n"].as_i64().unwrap())
            .collect();
        assert_eq!(numbers.len(), 34, "{order}");
        numbers.sort_unstable();
        numbers.dedup();
        assert!(
            numbers.len() == 34 && numbers.iter().all(|n| n % 3 == 0),
            "{order}: {numbers:?}"
        );
    }
}

on_both!(refuses_what_is_no_object);
async fn refuses_what_is_no_object(app: App) {
    let gpt = app.gpt_with_notes().await;
    let filter = |text: &str| gpt.list_objects("notes").query("filter", text);
    for text in ["[]", "7", "\"status\"", "null"] {
        filter(text)
            .await
            .refuses("filter")
            .problem("invalid-request");
    }
    for text in ["", "{", "status=open", "{} {}", "{'a':1}"] {
        filter(text)
            .await
            .refuses("filter")
            .problem("malformed-json");
    }
    filter("{\"a\":\"\\u0000\"}")
        .await
        .expect(400)
        .problem("invalid-document");
    filter("{\"a\":\"\\ud800\"}")
        .await
        .expect(400)
        .problem("invalid-document");
    filter(&format!("{{\"a\":\"{}\"}}", "x".repeat(3000)))
        .await
        .refuses("filter");
    let deep = "{\"a\":".repeat(65) + "1" + &"}".repeat(65);
    filter(&deep).await.expect(400).problem("invalid-document");
    let not_utf8 = format!("/v1/gpts/{}/collections/notes/objects?filter=%ff", gpt.id());
    gpt.call(reqwest::Method::GET, not_utf8)
        .await
        .refuses("filter");
}
