//! `replace_object`: a new document in place of the old one.

use serde_json::json;
use uuid::Uuid;

use crate::support::app::App;

on_both!(replaces_the_whole_document);
async fn replaces_the_whole_document(app: App) {
    let gpt = app.gpt_with_notes().await;
    let created = gpt
        .create_object("notes", json!({ "a": 1, "b": { "c": 2 } }))
        .await
        .expect(201);
    let id = created.string("id");
    let document = json!({ "b": null });
    let replaced = gpt.replace_object(&id, document.clone()).await.expect(200);
    assert_eq!(replaced["body"], document, "a null is a value here");
    assert_eq!(
        (
            replaced.number("version"),
            replaced.header("etag").as_deref()
        ),
        (2, Some("\"2\""))
    );
    assert_eq!(replaced["created_at"], created["created_at"]);
    assert_eq!(gpt.get_object(&id).await.text(), replaced.text());
    let again = gpt.replace_object(&id, document).await.expect(200);
    assert_eq!(again.number("version"), 3);
}

on_both!(takes_the_document_as_text);
async fn takes_the_document_as_text(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let replace = || gpt.replace_object(&id, json!({})).without("body");
    let replaced = replace().member("body_json", "{\"a\":1}").await.expect(200);
    assert_eq!(replaced["body"], json!({ "a": 1 }));
    replace()
        .member("body", json!({}))
        .member("body_json", "{}")
        .await
        .refuses("/body_json");
    replace().await.refuses("/body");
    replace()
        .member("body_json", "[]")
        .await
        .refuses("/body_json");
    replace()
        .member("body", json!({}))
        .member("a", 1)
        .await
        .expect(400)
        .problem("invalid-request");
    let merge_patch = replace()
        .member("body", json!({}))
        .header("content-type", "application/merge-patch+json");
    merge_patch
        .await
        .expect(415)
        .problem("unsupported-media-type");
}

on_both!(needs_the_object);
async fn needs_the_object(app: App) {
    let gpt = app.gpt_with_notes().await;
    let never = Uuid::new_v4().to_string();
    gpt.replace_object(&never, json!({}))
        .await
        .expect(404)
        .problem("object-not-found");
    gpt.replace_object("17", json!({})).await.refuses("id");
}
