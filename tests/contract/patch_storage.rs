//! `patch_storage`: changes of a namespace by those who have seen it.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

fn set(key: &str, value: impl Into<Value>) -> Value {
    json!([{ "op": "set", "key": key, "value": value.into() }])
}

on_every_storage!(the_seeds_status_table_holds_row_by_row);
async fn the_seeds_status_table_holds_row_by_row(app: App) {
    let gpt = app.gpt().await;
    let created = gpt
        .patch_storage("smoke", 0, &set("foo", "bar"))
        .await
        .expect(201);
    assert_eq!(created.text(), r#"{"foo":"bar"}"#);
    assert_eq!(created.header("etag").as_deref(), Some("\"1\""));
    let updated = gpt
        .patch_storage("smoke", 1, &set("foo", "baz"))
        .await
        .expect(200);
    assert_eq!(updated.text(), r#"{"foo":"baz"}"#);
    assert_eq!(updated.header("etag").as_deref(), Some("\"2\""));
    assert!(updated.header("x-storage-backend").is_some());
    let conflict = gpt
        .patch_storage("smoke", 0, &set("foo", "x"))
        .await
        .expect(412);
    assert_eq!(conflict.header("etag").as_deref(), Some("\"2\""));
    assert_eq!(conflict.number("current_version"), 2);
    let not_json = gpt.patch_storage("smoke", 2, &json!([])).bytes("[{");
    not_json.await.expect(400).problem("malformed-json");
    let unknown = json!([{ "op": "add", "key": "a" }]);
    gpt.patch_storage("smoke", 2, &unknown)
        .await
        .refuses("/0/op");
    let call = gpt
        .patch_storage("smoke", 2, &set("a", 1))
        .key("eyJhbGciOi.J9.x");
    call.await.expect(401);
    let anonymous = app.call(reqwest::Method::PATCH, "/api/storage?ns=smoke");
    anonymous.bytes("[]").await.expect(401);
    let large = gpt.patch_storage("smoke", 2, &set("a", "x".repeat(2 << 20)));
    large.await.expect(413).problem("payload-too-large");
    assert_eq!(gpt.get_storage("smoke").await.text(), r#"{"foo":"baz"}"#);
}

on_every_storage!(entity_tags_are_compared_as_rfc_9110_says);
async fn entity_tags_are_compared_as_rfc_9110_says(app: App) {
    let gpt = app.gpt().await;
    let patch = |tag: &str| {
        gpt.patch_storage_unconditionally("smoke", &set("a", 1))
            .header("if-match", tag)
    };
    let nothing = patch("*").await.expect(412);
    assert_eq!(nothing.header("etag").as_deref(), Some("\"0\""));
    patch("W/\"0\"").await.expect(412);
    // As the seed's curl lines send it.
    patch("0").await.expect(201);
    patch("\"7\", \"1\"").await.expect(200);
    patch("*").await.expect(200);
    patch("3").await.expect(200);
    for never in ["W/\"4\"", "\"04\"", "\"3\"", "0"] {
        assert_eq!(
            patch(never).await.expect(412).number("current_version"),
            4,
            "{never}"
        );
    }
    patch("\"4").await.refuses("If-Match");
    // Header and twin must both hold.
    let both = json!({ "operations": set("a", 2), "if_match": "3", "app_id": "test" });
    gpt.patch_storage_by_body("smoke", both)
        .header("if-match", "4")
        .await
        .expect(412);
}

on_every_storage!(a_change_needs_a_precondition_and_an_application);
async fn a_change_needs_a_precondition_and_an_application(app: App) {
    let gpt = app.gpt().await;
    let required = gpt
        .patch_storage_unconditionally("smoke", &set("a", 1))
        .await
        .expect(428);
    assert_problem("precondition_required", &required);
    let nameless = gpt
        .patch_storage_by_body(
            "smoke",
            json!({ "operations": set("a", 1), "if_match": "0" }),
        )
        .await;
    assert_problem("app_id_missing", &nameless.refuses("X-Thesara-App-Id"));
    let two_names = json!({ "operations": set("a", 1), "if_match": "0", "app_id": "other" });
    let call = gpt
        .patch_storage_by_body("smoke", two_names)
        .header("x-thesara-app-id", "test");
    call.await.refuses("/app_id");
    assert_eq!(
        gpt.get_storage("smoke").await.header("etag").as_deref(),
        Some("\"0\"")
    );
}

on_every_storage!(a_gpt_needs_no_header);
async fn a_gpt_needs_no_header(app: App) {
    let gpt = app.gpt().await;
    let body = json!({
        "operations": [{ "op": "set", "key": "list", "value_json": "[1,2.50]" }],
        "if_match": "0",
        "app_id": "my-gpt",
    });
    let created = gpt
        .patch_storage_by_body("smoke", body)
        .query("view", "envelope");
    let created = created.await.expect(201);
    assert_eq!(created.number("version"), 1);
    assert!(
        created.text().contains(r#""snapshot":{"list":[1,2.50]}"#),
        "{created}"
    );
    assert_eq!(created["updated_by"], "my-gpt");
    let body =
        json!({ "operations": [{ "op": "del", "key": "list" }], "if_match": "1", "app_id": "b" });
    let minimal = gpt
        .patch_storage_by_body("smoke", body)
        .query("view", "minimal")
        .await;
    assert_eq!(minimal.expect(200).text(), r#"{"version":2}"#);
    let envelope = gpt.get_storage("smoke").query("view", "envelope").await;
    assert_eq!(
        (&envelope["updated_by"], &envelope["version"]),
        (&json!("b"), &json!(2))
    );
}

on_every_storage!(a_minimal_answer_spares_the_snapshot);
async fn a_minimal_answer_spares_the_snapshot(app: App) {
    let gpt = app.gpt().await;
    let call = gpt
        .patch_storage("smoke", 0, &set("a", 1))
        .header("prefer", "return=minimal");
    let minimal = call.await.expect(201);
    assert_eq!(minimal.text(), r#"{"version":1}"#);
    assert_eq!(
        minimal.header("preference-applied").as_deref(),
        Some("return=minimal")
    );
    assert_eq!(minimal.header("etag").as_deref(), Some("\"1\""));
    let call = gpt
        .patch_storage("smoke", 1, &set("a", 2))
        .header("prefer", "return=representation");
    let whole = call.await.expect(200);
    assert_eq!(
        (whole.text(), whole.header("preference-applied")),
        (r#"{"a":2}"#, None)
    );
}

on_every_storage!(operations_are_applied_in_order_all_or_nothing);
async fn operations_are_applied_in_order_all_or_nothing(app: App) {
    let gpt = app.gpt().await;
    let operations = json!([
        { "op": "set", "key": "a", "value": 1 },
        { "op": "set", "key": "b", "value": 1 },
        { "op": "del", "key": "a" },
        { "op": "set", "key": "b", "value": 2 },
        { "op": "del", "key": "never" },
        { "op": "del", "key": "c" },
        { "op": "set", "key": "c", "value": null },
    ]);
    let created = gpt.patch_storage("smoke", 0, &operations).await.expect(201);
    assert_eq!(created.text(), r#"{"b":2,"c":null}"#);
    for (bad, pointer) in [
        (json!({ "op": "set", "key": "x" }), "/1/value"),
        (
            json!({ "op": "set", "key": "x", "value": 1, "value_json": "1" }),
            "/1/value_json",
        ),
        (
            json!({ "op": "set", "key": "x", "value_json": "{" }),
            "/1/value_json",
        ),
        (
            json!({ "op": "set", "key": "x", "value": "\u{0}" }),
            "/1/value",
        ),
        (json!({ "op": "del", "key": "x", "value": 1 }), "/1/value"),
        (
            json!({ "op": "del", "key": "x", "value_json": "1" }),
            "/1/value_json",
        ),
        (json!({ "op": "del" }), "/1"),
        (json!({ "op": "del", "key": "" }), "/1/key"),
        (json!({ "op": "del", "key": 1 }), "/1/key"),
        (json!({ "op": "del", "key": "k".repeat(513) }), "/1/key"),
        (json!({ "op": "del", "key": "k".repeat(10_000) }), "/1/key"),
        (
            json!({ "op": "set", "key": "a\u{0}", "value": 1 }),
            "/1/key",
        ),
        (
            json!({ "op": "set", "key": "x", "value": 1, "colour": 1 }),
            "/1/colour",
        ),
        (json!(["set", "x", 1]), "/1"),
    ] {
        let operations = json!([{ "op": "set", "key": "b", "value": 3 }, bad]);
        gpt.patch_storage("smoke", 1, &operations)
            .await
            .refuses(pointer);
        let body = json!({ "operations": operations, "if_match": "1", "app_id": "test" });
        let place = format!("/operations{pointer}");
        gpt.patch_storage_by_body("smoke", body)
            .await
            .refuses(&place);
    }
    gpt.patch_storage("smoke", 1, &json!([])).await.refuses("");
    let many: Vec<_> = (0..1001)
        .map(|n| json!({ "op": "del", "key": n.to_string() }))
        .collect();
    gpt.patch_storage("smoke", 1, &many.into())
        .await
        .refuses("");
    for body in [json!({}), json!("x"), json!(null), json!(1)] {
        gpt.patch_storage("smoke", 1, &body).await.expect(400);
    }
    let unchanged = gpt.get_storage("smoke").await;
    assert_eq!(unchanged.text(), r#"{"b":2,"c":null}"#);
    assert_eq!(unchanged.header("etag").as_deref(), Some("\"1\""));
}

on_every_storage!(the_version_never_goes_back);
async fn the_version_never_goes_back(app: App) {
    let gpt = app.gpt().await;
    gpt.patch_storage("smoke", 0, &set("a", 1))
        .await
        .expect(201);
    let emptied = gpt
        .patch_storage("smoke", 1, &json!([{ "op": "del", "key": "a" }]))
        .await;
    assert_eq!(emptied.expect(200).text(), "{}");
    let empty = gpt.get_storage("smoke").await;
    assert_eq!(
        (empty.text(), empty.header("etag").as_deref()),
        ("{}", Some("\"2\""))
    );
    gpt.patch_storage("smoke", 0, &set("a", 1))
        .await
        .expect(412);
    gpt.patch_storage("smoke", 2, &set("a", 1))
        .await
        .expect(200);
}

on_every_storage!(hostile_keys_are_keys);
async fn hostile_keys_are_keys(app: App) {
    let gpt = app.gpt().await;
    let longest = "\u{10ffff}".repeat(512);
    let keys = [
        "a/b",
        "../..",
        ".",
        "%2e%2e",
        "%00",
        "a\\b",
        "\"",
        "'; DROP TABLE kv_entries; --",
        " ",
        "\u{202e}abc",
        "\u{200f}",
        "\n\t\u{7f}",
        "é",
        "e\u{301}",
        "😀",
        "__proto__",
        "$ne",
        &longest,
    ];
    let operations: Vec<_> = keys
        .iter()
        .map(|key| json!({ "op": "set", "key": key, "value": key }))
        .collect();
    gpt.patch_storage("smoke", 0, &operations.into())
        .await
        .expect(201);
    let read = gpt.get_storage("smoke").await.expect(200);
    let snapshot = read.json().as_object().unwrap();
    assert_eq!(snapshot.len(), keys.len());
    for key in keys {
        assert_eq!(snapshot[key], key);
    }
    let operations: Vec<_> = keys
        .iter()
        .map(|key| json!({ "op": "del", "key": key }))
        .collect();
    assert_eq!(
        gpt.patch_storage("smoke", 1, &operations.into())
            .await
            .expect(200)
            .text(),
        "{}"
    );
}

on_every_storage!(campaign_a_namespace_has_a_limit);
async fn campaign_a_namespace_has_a_limit(app: App) {
    let gpt = app.gpt().await;
    let megabyte = "x".repeat((1 << 20) - 2);
    let call = gpt.patch_storage("smoke", 0, &set("0", format!("{megabyte}x")));
    call.await.expect(413).problem("payload-too-large");
    for version in 0..3 {
        let patch = gpt.patch_storage(
            "smoke",
            version,
            &set(&version.to_string(), megabyte.as_str()),
        );
        assert!(patch.header("prefer", "return=minimal").await.status() < 300);
    }
    let over = gpt
        .patch_storage("smoke", 3, &set("3", megabyte.as_str()))
        .await
        .expect(413);
    assert!(over.string("detail").contains("namespace"), "{over}");
    // What is replaced or deleted counts no more.
    let replaced =
        json!([{ "op": "del", "key": "0" }, { "op": "set", "key": "3", "value": megabyte }]);
    let call = gpt
        .patch_storage("smoke", 3, &replaced)
        .header("prefer", "return=minimal");
    call.await.expect(200);
}

on_every_storage!(campaign_ten_thousand_keys);
async fn campaign_ten_thousand_keys(app: App) {
    let gpt = app.gpt().await;
    for version in 0..10 {
        let operations: Vec<_> = (0..1000)
            .map(|n| json!({ "op": "set", "key": format!("key-{:05}", version * 1000 + n), "value": n }))
            .collect();
        let patch = gpt.patch_storage("smoke", version, &operations.into());
        assert!(patch.header("prefer", "return=minimal").await.status() < 300);
    }
    let read = gpt.get_storage("smoke").await.expect(200);
    let keys: Vec<_> = read.json().as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 10_000);
    assert!(keys.is_sorted());
}
