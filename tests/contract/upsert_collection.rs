//! `upsert_collection`: create or update, with a schema that is set, kept or removed.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(creates_once_and_changes_nothing_after);
async fn creates_once_and_changes_nothing_after(app: App) {
    let gpt = app.gpt().await;
    let created = gpt.upsert_collection("notes").await.expect(201);
    assert_eq!(created["name"], "notes");
    assert_eq!(created["schema"], Value::Null);
    assert_eq!(created["version"], 1);
    assert_eq!(created["created_at"], created["updated_at"]);
    assert_eq!(created.header("etag").as_deref(), Some("\"1\""));
    let location = created.header("location").unwrap();
    assert_eq!(location, format!("/v1/gpts/{}/collections/notes", gpt.id()));

    let again = gpt.upsert_collection("notes").await.expect(200);
    assert_eq!(again.json(), created.json());
    assert_eq!(
        gpt.get_collection("notes").await.expect(200).json(),
        created.json()
    );
}

on_both!(sets_keeps_and_removes_a_schema);
async fn sets_keeps_and_removes_a_schema(app: App) {
    let gpt = app.gpt().await;
    let schema = json!({ "type": "object", "required": ["title"] });
    let upsert = |schema: &Value| {
        gpt.upsert_collection("notes")
            .member("schema", schema.clone())
    };

    let created = upsert(&schema).await.expect(201);
    assert_eq!(
        (&created["schema"], created.number("version")),
        (&schema, 1)
    );
    let equal = upsert(&json!({ "required": ["title"], "type": "object" }))
        .await
        .expect(200);
    assert_eq!(equal.number("version"), 1, "an equal schema is no change");
    let kept = gpt.upsert_collection("notes").await.expect(200);
    assert_eq!((&kept["schema"], kept.number("version")), (&schema, 1));

    let other = json!({ "type": "object" });
    let changed = upsert(&other).await.expect(200);
    assert_eq!((&changed["schema"], changed.number("version")), (&other, 2));
    assert_eq!(changed.header("etag").as_deref(), Some("\"2\""));
    assert_eq!(changed["created_at"], created["created_at"]);
    assert!(changed.string("updated_at") > created.string("updated_at"));

    let removed = upsert(&json!({})).await.expect(200);
    assert_eq!(
        (&removed["schema"], removed.number("version")),
        (&Value::Null, 3)
    );
    assert_eq!(upsert(&json!({})).await.expect(200).number("version"), 3);
}

on_both!(takes_the_schema_as_text);
async fn takes_the_schema_as_text(app: App) {
    let gpt = app.gpt().await;
    let schema = json!({ "type": "object", "maxProperties": 3 });
    let created = gpt
        .upsert_collection("notes")
        .member("schema_json", schema.to_string())
        .await
        .expect(201);
    assert_eq!(created["schema"], schema);

    let both = gpt
        .upsert_collection("notes")
        .member("schema", schema.clone());
    both.member("schema_json", schema.to_string())
        .await
        .refuses("/schema_json")
        .problem("invalid-request");
    let no_json = gpt
        .upsert_collection("notes")
        .member("schema_json", "{\"type\":");
    no_json
        .await
        .refuses("/schema_json")
        .problem("malformed-json");
    let no_object = gpt.upsert_collection("notes").member("schema_json", "[]");
    no_object
        .await
        .refuses("/schema_json")
        .problem("invalid-request");
}

on_both!(refuses_what_is_no_usable_schema);
async fn refuses_what_is_no_usable_schema(app: App) {
    let gpt = app.gpt().await;
    for (schema, pointer) in [
        (json!({ "type": "objekt" }), "/schema/type"),
        (
            json!({ "properties": { "a/b": { "minimum": "one" } } }),
            "/schema/properties/a~1b/minimum",
        ),
        (
            json!({ "$ref": "http://169.254.169.254/latest" }),
            "/schema/$ref",
        ),
        (json!({ "$ref": "file:///etc/passwd" }), "/schema/$ref"),
        (
            json!({ "properties": { "a": { "$ref": "other.json" } } }),
            "/schema/properties/a/$ref",
        ),
        (
            json!({ "properties": { "a": { "pattern": "(" } } }),
            "/schema/properties/a/pattern",
        ),
        (
            json!({ "$schema": "https://example.com/own" }),
            "/schema/$schema",
        ),
    ] {
        let answer = gpt
            .upsert_collection("notes")
            .member("schema", schema.clone())
            .await;
        let answer = answer.expect(422).problem("invalid-schema");
        assert!(
            answer.names(pointer),
            "{schema} should be refused at {pointer}\n{answer}"
        );
    }
    gpt.get_collection("notes").await.expect(404);

    let as_text = gpt
        .upsert_collection("notes")
        .member("schema_json", "{\"type\":\"objekt\"}")
        .await;
    let as_text = as_text.expect(422);
    assert!(as_text.names("/schema_json/type"), "{as_text}");
    assert_problem("invalid_schema", &as_text);
}

on_both!(refuses_schemas_beyond_bounds);
async fn refuses_schemas_beyond_bounds(app: App) {
    let gpt = app.gpt().await;
    let large = json!({ "description": "x".repeat(70_000) });
    let answer = gpt
        .upsert_collection("notes")
        .member("schema", large.clone())
        .await;
    assert!([400, 413, 422].contains(&answer.status()), "{answer}");
    gpt.upsert_collection("notes")
        .member("schema_json", large.to_string())
        .await
        .refuses("/schema_json");

    let deep = (0..70).fold(json!({}), |inner, _| json!({ "not": inner }));
    let answer = gpt.upsert_collection("notes").member("schema", deep).await;
    assert!([400, 422].contains(&answer.status()), "{answer}");
    gpt.get_collection("notes").await.expect(404);
}

on_both!(refuses_other_names_and_members);
async fn refuses_other_names_and_members(app: App) {
    let gpt = app.gpt().await;
    for name in ["", "-a", ".a", "a b", "a/b", "é", &"x".repeat(65)] {
        gpt.upsert_collection(name)
            .await
            .refuses("/name")
            .problem("invalid-request");
    }
    gpt.upsert_collection("a")
        .member("name", 7)
        .await
        .refuses("/name");
    gpt.upsert_collection(&"x".repeat(64)).await.expect(201);

    let missing = gpt.upsert_collection("a").without("name").await.expect(400);
    assert!(missing.string("detail").contains("name"), "{missing}");
    let unknown = gpt
        .upsert_collection("a")
        .member("colour", "red")
        .await
        .expect(400);
    assert!(unknown.string("detail").contains("colour"), "{unknown}");
    gpt.upsert_collection("a")
        .member("schema", "{}")
        .await
        .refuses("/schema");
    gpt.upsert_collection("a")
        .query("colour", "red")
        .await
        .refuses("colour");
    gpt.get_collection("a").await.expect(404);
}

on_both!(updates_only_the_expected_version);
async fn updates_only_the_expected_version(app: App) {
    let gpt = app.gpt().await;
    let upsert = |type_name: &str| {
        gpt.upsert_collection("notes")
            .member("schema", json!({ "type": type_name }))
    };
    let absent = upsert("object")
        .header("If-Match", "\"1\"")
        .await
        .expect(412)
        .problem("precondition-failed");
    assert_eq!(absent["current_version"], Value::Null);
    gpt.get_collection("notes").await.expect(404);

    upsert("object").await.expect(201);
    upsert("array")
        .header("If-Match", "\"1\"")
        .await
        .expect(200);
    upsert("string").member("if_match", "2").await.expect(200);
    let late = upsert("number").member("if_match", "2").await.expect(412);
    assert_eq!(late["current_version"], 3);
    let both = upsert("number")
        .header("If-Match", "\"3\"")
        .member("if_match", "2")
        .await;
    both.expect(412);
    let both = upsert("number")
        .header("If-Match", "\"3\"")
        .member("if_match", "3")
        .await;
    assert_eq!(both.expect(200).number("version"), 4);
}
