//! `delete_collection`: with everything in it.

use serde_json::json;

use crate::support::app::App;

on_both!(deletes_the_objects_too);
async fn deletes_the_objects_too(app: App) {
    let gpt = app.gpt_with_notes().await;
    gpt.upsert_collection("kept").await.expect(201);
    let id = gpt.has_object("notes", json!({})).await;
    let kept = gpt.has_object("kept", json!({})).await;

    gpt.delete_collection("notes").await.expect(204);
    gpt.get_collection("notes")
        .await
        .expect(404)
        .problem("collection-not-found");
    gpt.get_object(&id)
        .await
        .expect(404)
        .problem("object-not-found");
    gpt.list_objects("notes")
        .await
        .expect(404)
        .problem("collection-not-found");
    gpt.create_object("notes", json!({}))
        .await
        .expect(404)
        .problem("collection-not-found");
    gpt.delete_collection("notes")
        .await
        .expect(404)
        .problem("collection-not-found");
    gpt.get_object(&kept).await.expect(200);
}

on_both!(a_new_collection_of_that_name_is_another);
async fn a_new_collection_of_that_name_is_another(app: App) {
    let gpt = app.gpt().await;
    let schema = json!({ "required": ["title"] });
    let first = gpt
        .upsert_collection("notes")
        .member("schema", schema)
        .await
        .expect(201);
    gpt.create_object("notes", json!({})).await.expect(422);
    gpt.delete_collection("notes").await.expect(204);
    let second = gpt.upsert_collection("notes").await.expect(201);
    assert_eq!(second.number("version"), 1);
    assert_ne!(second["id"], first["id"]);
    // The schema of the first one, which had version 1 too, is not remembered.
    gpt.create_object("notes", json!({})).await.expect(201);
    assert_eq!(gpt.list_objects("notes").await.items().len(), 1);
}

on_both!(deletes_only_the_expected_version);
async fn deletes_only_the_expected_version(app: App) {
    let gpt = app.gpt_with_notes().await;
    let late = gpt
        .delete_collection("notes")
        .header("If-Match", "\"2\"")
        .await
        .expect(412);
    assert_eq!(late["current_version"], 1);
    gpt.delete_collection("notes")
        .query("if_match", "2")
        .await
        .expect(412);
    gpt.delete_collection("notes")
        .query("if_match", "1")
        .header("If-Match", "\"2\"")
        .await
        .expect(412);
    gpt.delete_collection("notes")
        .query("if_match", "1")
        .header("If-Match", "*")
        .await
        .expect(204);
}
