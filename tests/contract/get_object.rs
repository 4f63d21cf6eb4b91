//! `get_object`: one object, unless the caller's copy is current.

use serde_json::json;
use uuid::Uuid;

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(answers_304_to_whom_has_the_current_version);
async fn answers_304_to_whom_has_the_current_version(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({ "n": 1 })).await;
    gpt.patch_object(&id, json!({ "n": 2 })).await.expect(200);
    for (known, status) in [
        ("\"2\"", 304),
        ("W/\"2\"", 304),
        ("\"1\", \"2\"", 304),
        ("\"1\",W/\"2\"", 304),
        ("*", 304),
        ("2", 304),
        ("\"1\"", 200),
        ("\"1\", \"3\"", 200),
        ("\"02\"", 200),
        ("\"\"", 200),
    ] {
        let by_header = gpt
            .get_object(&id)
            .header("If-None-Match", known)
            .await
            .expect(status);
        assert_eq!(
            by_header.header("etag").as_deref(),
            Some("\"2\""),
            "{known}"
        );
        gpt.get_object(&id)
            .query("if_none_match", known)
            .await
            .expect(status);
    }
    let two_lines = gpt
        .get_object(&id)
        .header("If-None-Match", "\"1\"")
        .header("If-None-Match", "\"2\"");
    two_lines.await.expect(304);
    for garbage in ["\"2", "2\"2", ", ", "W/2"] {
        gpt.get_object(&id)
            .header("If-None-Match", garbage)
            .await
            .refuses("If-None-Match");
        gpt.get_object(&id)
            .query("if_none_match", garbage)
            .await
            .refuses("if_none_match");
    }
}

on_both!(knows_only_what_is_there);
async fn knows_only_what_is_there(app: App) {
    let gpt = app.gpt_with_notes().await;
    let never = gpt
        .get_object(&Uuid::new_v4().to_string())
        .await
        .expect(404);
    assert_problem("object_not_found", &never.problem("object-not-found"));
    gpt.get_object("17")
        .await
        .refuses("id")
        .problem("invalid-request");
    gpt.get_object(&"a".repeat(1000)).await.refuses("id");

    let id = gpt.has_object("notes", json!({})).await;
    gpt.get_object(&id.to_uppercase()).await.expect(200);
    gpt.get_object(&id).query("limit", 1).await.refuses("limit");
    app.gpt().await.get_object(&id).await.expect(404);
}
