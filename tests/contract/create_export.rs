//! `create_export`: a GPT moves, whole, to another.

use serde_json::{Value, json};

use crate::support::app::App;

on_both!(a_gpt_that_is_exported_is_the_same_where_it_is_imported);
async fn a_gpt_that_is_exported_is_the_same_where_it_is_imported(app: App) {
    let (gpt, other) = (app.gpt_with_notes().await, app.gpt().await);
    let schema = json!({ "type": "object", "required": ["n"] });
    let tasks = gpt.upsert_collection("tasks").member("schema", schema);
    tasks.await.expect(201);
    gpt.has_many_objects("notes", 250).await;
    let id = gpt
        .has_object("tasks", json!({ "n": 1.50, "é\n": "\u{7f}" }))
        .await;
    gpt.patch_object(&id, json!({ "m": [1e300] }))
        .await
        .expect(200);
    let lines = gpt.exported().await;
    assert_eq!(lines.len(), 2 + 250 + 1);
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    let job = other.ended(other.import_lines(text.join("\n")).await).await;
    assert_eq!(job.json()["progress"]["objects"], 251, "{job}");
    assert_eq!(other.exported().await, lines);
    let moved = other.get_object(&id).await.expect(200);
    assert_eq!(moved.json(), gpt.get_object(&id).await.expect(200).json());
}

on_both!(one_collection_is_exported_alone);
async fn one_collection_is_exported_alone(app: App) {
    let gpt = app.gpt_with_notes().await;
    gpt.upsert_collection("tasks").await.expect(201);
    gpt.has_object("notes", json!({})).await;
    let export = gpt.create_export().member("collection", "tasks").await;
    let job = gpt.ended(export).await;
    assert_eq!(
        (job.string("kind"), &job.json()["progress"]["lines"]),
        ("export".to_owned(), &json!(1))
    );
    let file = job.string("file_id");
    let content = gpt.get_file_content(&file).await.expect(200);
    assert_eq!(
        content.text(),
        "{\"collection\":\"tasks\",\"schema\":null}\n"
    );
    let never = gpt.create_export().member("collection", "never").await;
    never.expect(404).problem("collection-not-found");
}

on_both!(who_may_write_no_files_may_not_export);
async fn who_may_write_no_files_may_not_export(app: App) {
    let gpt = app.gpt().await;
    let id = gpt.id().parse().unwrap();
    let reader = app.key(Some(&id), "objects:read", None).await;
    let refused = gpt.with_key(reader.key.reveal()).create_export().await;
    let refused = refused.expect(403).problem("forbidden");
    assert!(
        refused.string("detail").contains("files:write"),
        "{refused}"
    );
}

on_both!(a_narrowed_application_imports_into_what_it_sees);
async fn a_narrowed_application_imports_into_what_it_sees(app: App) {
    let gpt = app.gpt_with_notes().await;
    gpt.upsert_collection("tasks").await.expect(201);
    let token = app.token(&gpt, Some(&["tasks"])).await;
    let narrowed = gpt.with_key(&token);
    let lines = [
        json!({ "collection": "tasks", "body": {} }).to_string(),
        json!({ "collection": "notes", "body": {} }).to_string(),
        json!({ "collection": "others", "schema": {} }).to_string(),
    ];
    let job = narrowed
        .ended(narrowed.import_lines(lines.join("\n")).await)
        .await;
    assert_eq!(job.json()["progress"]["objects"], 1, "{job}");
    assert_eq!(job.json()["progress"]["failed_lines"], 2, "{job}");
    assert!(gpt.walk(|| gpt.list_objects("notes")).await.is_empty());
}
