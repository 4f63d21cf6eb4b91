//! `patch_object`: merge patches (RFC 7396).

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::App;

/// The table of RFC 7396, appendix A, as far as documents are objects.
fn table() -> Vec<(Value, Value, Value)> {
    vec![
        (
            json!({ "a": "b" }),
            json!({ "a": "c" }),
            json!({ "a": "c" }),
        ),
        (
            json!({ "a": "b" }),
            json!({ "b": "c" }),
            json!({ "a": "b", "b": "c" }),
        ),
        (json!({ "a": "b" }), json!({ "a": null }), json!({})),
        (
            json!({ "a": "b", "b": "c" }),
            json!({ "a": null }),
            json!({ "b": "c" }),
        ),
        (
            json!({ "a": ["b"] }),
            json!({ "a": "c" }),
            json!({ "a": "c" }),
        ),
        (
            json!({ "a": "c" }),
            json!({ "a": ["b"] }),
            json!({ "a": ["b"] }),
        ),
        (
            json!({ "a": { "b": "c" } }),
            json!({ "a": { "b": "d", "c": null } }),
            json!({ "a": { "b": "d" } }),
        ),
        (
            json!({ "a": [{ "b": "c" }] }),
            json!({ "a": [1] }),
            json!({ "a": [1] }),
        ),
        (
            json!({ "e": null }),
            json!({ "a": 1 }),
            json!({ "e": null, "a": 1 }),
        ),
        (
            json!({}),
            json!({ "a": { "bb": { "ccc": null } } }),
            json!({ "a": { "bb": {} } }),
        ),
        (json!({ "a": 1 }), json!({}), json!({ "a": 1 })),
    ]
}

on_both!(merges_as_rfc_7396_says);
async fn merges_as_rfc_7396_says(app: App) {
    let gpt = app.gpt_with_notes().await;
    for (document, patch, merged) in table() {
        let id = gpt.has_object("notes", document.clone()).await;
        let patched = gpt.patch_object(&id, patch.clone()).await.expect(200);
        assert_eq!(patched["body"], merged, "{document} with {patch}");
        assert_eq!(gpt.document(&id).await, merged, "{document} with {patch}");
    }
}

on_both!(answers_the_object_as_it_is_now);
async fn answers_the_object_as_it_is_now(app: App) {
    let gpt = app.gpt_with_notes().await;
    let created = gpt
        .create_object("notes", json!({ "a": 1 }))
        .await
        .expect(201);
    let id = created.string("id");
    let patched = gpt.patch_object(&id, json!({ "b": 2 })).await.expect(200);
    assert_eq!(
        (patched.number("version"), patched.header("etag").as_deref()),
        (2, Some("\"2\""))
    );
    assert_eq!(patched["created_at"], created["created_at"]);
    assert!(patched.string("updated_at") > created.string("updated_at"));
    assert_eq!(gpt.get_object(&id).await.text(), patched.text());
}

on_both!(takes_both_media_types_and_no_other);
async fn takes_both_media_types_and_no_other(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let patch = |media_type: &str| {
        gpt.patch_object(&id, json!({ "a": 1 }))
            .header("content-type", media_type)
    };
    for media_type in [
        "application/json",
        "application/merge-patch+json",
        "Application/Merge-Patch+JSON",
        "application/json; charset=utf-8",
    ] {
        patch(media_type).await.expect(200);
    }
    for media_type in [
        "application/json-patch+json",
        "text/plain",
        "application/json; charset=latin1",
        "json",
        "",
    ] {
        patch(media_type)
            .await
            .expect(415)
            .problem("unsupported-media-type");
    }
    assert_eq!(gpt.get_object(&id).await.number("version"), 5);
}

on_both!(takes_the_patch_as_text);
async fn takes_the_patch_as_text(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({ "a": 1 })).await;
    let patch = || gpt.patch_object(&id, json!({})).without("body");
    let patched = patch()
        .member("body_json", "{\"a\":null,\"b\":2}")
        .await
        .expect(200);
    assert_eq!(patched["body"], json!({ "b": 2 }));
    patch()
        .member("body", json!({}))
        .member("body_json", "{}")
        .await
        .refuses("/body_json");
    patch().await.refuses("/body");
    patch().member("body_json", "7").await.refuses("/body_json");
    patch().member("body", json!([])).await.refuses("/body");
    patch()
        .member("body", json!({}))
        .member("a", 1)
        .await
        .expect(400)
        .problem("invalid-request");
}

on_both!(needs_the_object);
async fn needs_the_object(app: App) {
    let gpt = app.gpt_with_notes().await;
    let never = Uuid::new_v4().to_string();
    gpt.patch_object(&never, json!({}))
        .await
        .expect(404)
        .problem("object-not-found");
    gpt.patch_object(&never, json!({}))
        .member("if_match", "1")
        .await
        .expect(404);
    gpt.patch_object("17", json!({})).await.refuses("id");
}

on_both!(keeps_documents_within_their_limits);
async fn keeps_documents_within_their_limits(app: App) {
    let gpt = app.gpt_with_notes().await;
    let half = "x".repeat(600_000);
    let id = gpt.has_object("notes", json!({ "a": half })).await;
    gpt.patch_object(&id, json!({ "b": half }))
        .await
        .expect(413)
        .problem("payload-too-large");
    assert_eq!(gpt.get_object(&id).await.number("version"), 1);
    gpt.patch_object(&id, json!({ "a": null, "b": half }))
        .await
        .expect(200);
}
