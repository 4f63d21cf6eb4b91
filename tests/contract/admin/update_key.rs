//! `update_key`: name and rate limits.

use serde_json::json;

use crate::support::app::App;

on_both!(changes_what_is_named_and_keeps_the_rest);
async fn changes_what_is_named_and_keeps_the_rest(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    let made = operator.has_key(gpt.id()).await;
    let (id, key) = (made.string("id"), made.string("key"));
    for (change, name, limits) in [
        (json!({ "name": "laptop" }), "laptop", None),
        (
            json!({ "rate_limits": "key:7/h" }),
            "laptop",
            Some("key:7/h"),
        ),
        (json!({}), "laptop", Some("key:7/h")),
        (json!({ "name": "", "rate_limits": "off" }), "", Some("off")),
        (json!({ "rate_limits": "" }), "", None),
    ] {
        let updated = operator.update_key(&id, change).await.expect(200);
        assert_eq!(updated["name"], name);
        assert_eq!(updated["rate_limits"], json!(limits));
        assert_eq!(updated["scopes"], made["scopes"]);
        assert_eq!(operator.get_key(&id).await.json(), updated.json());
    }
    gpt.with_key(&key).get_limits().await.expect(200);
}

on_both!(refuses_what_cannot_be_changed);
async fn refuses_what_cannot_be_changed(app: App) {
    let operator = app.administrator().await;
    let id = operator.has_key(app.gpt().await.id()).await.string("id");
    for (change, place) in [
        (json!({ "name": "x".repeat(201) }), "/name"),
        (json!({ "rate_limits": "often" }), "/rate_limits"),
        (json!({ "scopes": ["objects:read"] }), "/scopes"),
        (json!({ "gpt_id": "another" }), "/gpt_id"),
    ] {
        operator.update_key(&id, change).await.refuses(place);
    }
    let none = "key_0198c2f47b1e7c339f0a3d5e2b1c4a60";
    let none = operator.update_key(none, json!({ "name": "n" })).await;
    none.expect(404).problem("key-not-found");
}
