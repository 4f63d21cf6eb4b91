//! `update_application`: what is named changes, the rest stays.

use serde_json::json;

use crate::support::app::App;
use crate::support::operator::NO_APPLICATION;

on_both!(changes_what_is_named_and_keeps_the_rest);
async fn changes_what_is_named_and_keeps_the_rest(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let made = operator.has_application(&gpt).await;
    let id = made.string("client_id");
    for (change, name, value) in [
        (json!({ "name": "Another" }), "name", json!("Another")),
        (
            json!({ "scopes": ["files:read"] }),
            "scopes",
            json!(["files:read"]),
        ),
        (
            json!({ "collections": ["a", "b"] }),
            "collections",
            json!(["a", "b"]),
        ),
        (
            json!({ "name": "A third" }),
            "collections",
            json!(["a", "b"]),
        ),
        (
            json!({ "all_collections": true }),
            "collections",
            json!(null),
        ),
        (
            json!({ "redirect_uris": ["http://localhost/cb"] }),
            "redirect_uris",
            json!(["http://localhost/cb"]),
        ),
        (
            json!({ "rate_limits": "key:9/m" }),
            "rate_limits",
            json!("key:9/m"),
        ),
        (json!({ "rate_limits": "" }), "rate_limits", json!(null)),
        (json!({}), "name", json!("A third")),
    ] {
        let updated = operator.update_application(&id, change).await.expect(200);
        assert_eq!(updated[name], value);
        assert_eq!(operator.get_application(&id).await.json(), updated.json());
        assert!(updated.string("updated_at") >= made.string("updated_at"));
    }
}

on_both!(refuses_what_cannot_be_changed);
async fn refuses_what_cannot_be_changed(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let id = operator.has_application(&gpt).await.string("client_id");
    for (change, place) in [
        (json!({ "name": "" }), "/name"),
        (json!({ "scopes": [] }), "/scopes"),
        (
            json!({ "collections": ["a"], "all_collections": true }),
            "/all_collections",
        ),
        (
            json!({ "redirect_uris": ["ftp://a.example/"] }),
            "/redirect_uris",
        ),
        (json!({ "is_public": true }), "/is_public"),
    ] {
        let refused = operator.update_application(&id, change).await;
        refused.refuses_under(place);
    }
    let none = operator.update_application(NO_APPLICATION, json!({})).await;
    none.expect(404).problem("application-not-found");
    operator.revoke_application(&id).await.expect(200);
    let revoked = operator
        .update_application(&id, json!({ "name": "n" }))
        .await;
    revoked.refuses("client_id");
}
