//! `If-Match` and its twin `if_match`, on every operation that changes an object.

use serde_json::json;

use crate::support::actor::Gpt;
use crate::support::app::App;
use crate::support::http::Call;
use crate::support::snapshot::assert_problem;

/// Every change of an object, with the condition in the header and in its twin.
fn changes(gpt: &Gpt, id: &str, condition: &str) -> [Call; 6] {
    let patch = || gpt.patch_object(id, json!({ "changed": true }));
    let replace = || gpt.replace_object(id, json!({ "changed": true }));
    let delete = || gpt.delete_object(id);
    [
        patch().header("If-Match", condition),
        patch().member("if_match", condition),
        replace().header("If-Match", condition),
        replace().member("if_match", condition),
        delete().header("If-Match", condition),
        delete().query("if_match", condition),
    ]
}

on_both!(a_stale_version_changes_nothing);
async fn a_stale_version_changes_nothing(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    gpt.patch_object(&id, json!({ "n": 2 })).await.expect(200);
    // A weak tag never matches here (RFC 9110, 13.1.1).
    for stale in ["\"1\"", "1", "\"1\", \"3\"", "W/\"2\"", "\"02\"", "\"\""] {
        for change in changes(&gpt, &id, stale) {
            let refused = change.await.expect(412).problem("precondition-failed");
            assert_eq!(refused["current_version"], 2, "{stale}");
            assert_eq!(refused.header("etag").as_deref(), Some("\"2\""), "{stale}");
        }
    }
    let refused = gpt.delete_object(&id).query("if_match", 1).await;
    assert_problem("precondition_failed", &refused);
    assert_eq!(gpt.get_object(&id).await.number("version"), 2);
}

on_both!(the_current_version_lets_changes_through);
async fn the_current_version_lets_changes_through(app: App) {
    let gpt = app.gpt_with_notes().await;
    for current in [
        "\"1\"",
        "1",
        "*",
        "\"7\", \"1\"",
        " \"1\" ",
        "W/\"7\",\"1\"",
    ] {
        let ids = gpt.has_many_objects("notes", 6).await;
        for (index, id) in ids.iter().enumerate() {
            let change = changes(&gpt, id, current).into_iter().nth(index).unwrap();
            let status = change.await.status();
            assert_eq!(status, if index < 4 { 200 } else { 204 }, "{current}");
        }
    }
}

on_both!(garbage_is_named);
async fn garbage_is_named(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let names = [
        "If-Match",
        "/if_match",
        "If-Match",
        "/if_match",
        "If-Match",
        "if_match",
    ];
    for garbage in ["\"1", "1\"", "W/1", "\"1\" \"2\"", "\"1\",", ","] {
        for (change, name) in changes(&gpt, &id, garbage).into_iter().zip(names) {
            let answer = change.await;
            // An unquoted tag may be any word, so some garbage is only a version that is not there.
            assert!(
                answer.status() == 412 || answer.clone().expect(400).names(name),
                "{garbage}\n{answer}"
            );
        }
    }
    gpt.patch_object(&id, json!({}))
        .header("If-Match", "x".repeat(1025))
        .await
        .refuses("If-Match");
    gpt.patch_object(&id, json!({}))
        .header("If-Match", b"\"\xff\"")
        .await
        .refuses("If-Match");
    assert_eq!(gpt.get_object(&id).await.number("version"), 1);
}

on_both!(header_and_twin_must_both_hold);
async fn header_and_twin_must_both_hold(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let patch = |header: &str, twin: &str| {
        gpt.patch_object(&id, json!({}))
            .header("If-Match", header)
            .member("if_match", twin)
    };
    patch("\"1\"", "2").await.expect(412);
    patch("\"2\"", "1").await.expect(412);
    patch("\"1\"", "1").await.expect(200);
}
