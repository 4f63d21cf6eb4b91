//! `create_key`: for a GPT or an operator, shown once.

use gpt_object_store::clock::Timestamp;
use serde_json::json;

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(a_gpts_key_works_at_once_and_is_shown_once);
async fn a_gpts_key_works_at_once_and_is_shown_once(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    let asked = json!({
        "gpt_id": gpt.id(), "name": "laptop", "scopes": ["objects:write", "objects:read"],
        "expires_at": "2126-01-01T00:00:00Z", "rate_limits": "key:600/m",
    });
    let created = operator.create_key(asked).await.expect(201);
    assert_eq!(created["gpt_id"], gpt.id());
    assert_eq!(created["name"], "laptop");
    assert_eq!(created["scopes"], json!(["objects:read", "objects:write"]));
    assert_eq!(created["expires_at"], "2126-01-01T00:00:00.000000Z");
    assert_eq!(created["rate_limits"], "key:600/m");
    let location = created.header("location").unwrap();
    let id = created.string("id");
    assert_eq!(location, format!("/admin/v1/keys/{id}"));

    let key = created.string("key");
    gpt.with_key(&key).list_collections().await.expect(200);
    for answer in [
        operator.get_key(&id).await.expect(200),
        operator.list_keys().query("gpt_id", gpt.id()).await,
    ] {
        assert!(!answer.text().contains(&key), "the key is shown again");
    }
}

on_both!(without_more_a_key_may_all_that_its_gpt_may);
async fn without_more_a_key_may_all_that_its_gpt_may(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    let created = operator.has_key(gpt.id()).await;
    assert_eq!(created["scopes"].as_array().unwrap().len(), 6);
    for member in ["expires_at", "revoked_at", "last_used", "rate_limits"] {
        assert!(created[member].is_null(), "{member}");
    }
    let refused = operator.call(reqwest::Method::GET, "gpts");
    let refused = refused.key(&created.string("key")).await.expect(403);
    assert_problem("no_operator", &refused);
}

on_both!(an_operators_key_operates_and_has_no_data);
async fn an_operators_key_operates_and_has_no_data(app: App) {
    let operator = app.administrator().await;
    let created = operator.create_key(json!({ "operator": true })).await;
    let created = created.expect(201);
    assert_eq!(created["scopes"], json!(["admin"]));
    assert!(created["gpt_id"].is_null());
    let key = created.string("key");
    operator.list_gpts().key(&key).await.expect(200);
    let gpt = app.gpt().await.with_key(&key);
    gpt.list_collections().await.expect(403);
    let revoked = operator.revoke_key(&created.string("id")).await;
    revoked.expect(200);
    operator.list_gpts().key(&key).await.expect(401);
}

on_both!(refuses_what_would_be_no_good_key);
async fn refuses_what_would_be_no_good_key(app: App) {
    let operator = app.administrator().await;
    let id = operator.has_gpt().await;
    let past = Timestamp::now().to_string();
    for (body, place) in [
        (json!({}), "/gpt_id"),
        (json!({ "operator": false }), "/gpt_id"),
        (json!({ "gpt_id": id, "operator": true }), "/operator"),
        (json!({ "gpt_id": "no/slash" }), "/gpt_id"),
        (json!({ "gpt_id": id, "scopes": [] }), "/scopes"),
        (json!({ "gpt_id": id, "expires_at": past }), "/expires_at"),
        (json!({ "gpt_id": id, "expires_at": "soon" }), "/expires_at"),
        (
            json!({ "gpt_id": id, "rate_limits": "many" }),
            "/rate_limits",
        ),
        (json!({ "gpt_id": id, "rate_limits": "" }), "/rate_limits"),
        (
            json!({ "gpt_id": id, "rate_limits": "ip:6/m" }),
            "/rate_limits",
        ),
        (json!({ "gpt_id": id, "name": "x".repeat(201) }), "/name"),
        (
            json!({ "operator": true, "scopes": ["objects:read"] }),
            "/scopes",
        ),
    ] {
        operator.create_key(body).await.refuses(place);
    }
    // Not even an operator gives a GPT's key the right to operate.
    for scope in ["admin", "any", "objects"] {
        let body = json!({ "gpt_id": id, "scopes": [scope] });
        operator.create_key(body).await.refuses_under("/scopes");
    }
    let nobodys = json!({ "gpt_id": "nobody-at-all" });
    let nobodys = operator.create_key(nobodys).await;
    nobodys.expect(404).problem("gpt-not-found");
    let none = operator.list_keys().query("gpt_id", &id).await;
    assert!(none.items().is_empty());
}
