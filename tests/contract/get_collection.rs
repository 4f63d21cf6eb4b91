//! `get_collection`: one collection, unless the caller's copy is current.

use serde_json::json;

use crate::support::app::App;

on_both!(answers_the_collection_or_that_it_is_unchanged);
async fn answers_the_collection_or_that_it_is_unchanged(app: App) {
    let gpt = app.gpt().await;
    let schema = json!({ "type": "object" });
    let created = gpt
        .upsert_collection("notes")
        .member("schema", schema)
        .await
        .expect(201);
    let got = gpt.get_collection("notes").await.expect(200);
    assert_eq!(got.json(), created.json());
    assert_eq!(got.header("etag").as_deref(), Some("\"1\""));

    let unchanged = gpt
        .get_collection("notes")
        .header("If-None-Match", "\"1\"")
        .await
        .expect(304);
    assert_eq!(unchanged.header("etag").as_deref(), Some("\"1\""));
    gpt.get_collection("notes")
        .query("if_none_match", "1")
        .await
        .expect(304);

    gpt.upsert_collection("notes")
        .member("schema", json!({}))
        .await
        .expect(200);
    gpt.get_collection("notes")
        .header("If-None-Match", "\"1\"")
        .await
        .expect(200);
    gpt.get_collection("notes")
        .query("if_none_match", "1")
        .await
        .expect(200);
}

on_both!(knows_only_what_is_there);
async fn knows_only_what_is_there(app: App) {
    let gpt = app.gpt_with_notes().await;
    gpt.get_collection("other")
        .await
        .expect(404)
        .problem("collection-not-found");
    gpt.get_collection("Notes")
        .await
        .expect(404)
        .problem("collection-not-found");
    gpt.get_collection("notes%20").await.refuses("name");
    gpt.get_collection("notes")
        .query("colour", "red")
        .await
        .refuses("colour");
    app.gpt().await.get_collection("notes").await.expect(404);
}
