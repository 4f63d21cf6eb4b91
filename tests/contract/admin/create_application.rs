//! `create_application`: confidential or public, its secret shown once.

use serde_json::json;

use crate::support::app::App;

on_both!(a_confidential_application_has_a_secret_once);
async fn a_confidential_application_has_a_secret_once(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let asked = json!({
        "gpt_id": gpt, "name": "A GPT’s actions", "scopes": ["objects:read"],
        "collections": ["notes"], "redirect_uris": ["https://chat.openai.com/aip/g-1/oauth/callback"],
        "rate_limits": "key:6/m",
    });
    let created = operator.create_application(asked.clone()).await.expect(201);
    for (name, value) in asked.as_object().unwrap() {
        assert_eq!(created[name.as_str()], *value, "{name}");
    }
    assert_eq!(created["is_public"], false);
    let (id, secret) = (created.string("client_id"), created.string("client_secret"));
    assert!(id.starts_with("app_") && secret.starts_with("gcs_"));
    let location = created.header("location").unwrap();
    assert_eq!(location, format!("/admin/v1/applications/{id}"));
    for answer in [
        operator.get_application(&id).await.expect(200),
        operator.list_applications().query("gpt_id", &gpt).await,
    ] {
        assert!(
            !answer.text().contains(&secret),
            "the secret is shown again"
        );
        assert!(!answer.text().contains("secret"), "{answer}");
    }
}

on_both!(a_public_application_has_none);
async fn a_public_application_has_none(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let asked = json!({ "gpt_id": gpt, "name": "An app", "is_public": true });
    let created = operator.create_application(asked).await.expect(201);
    assert!(created["client_secret"].is_null() && created["is_public"] == true);
    assert_eq!(created["scopes"].as_array().unwrap().len(), 6);
    assert!(created["collections"].is_null() && created["revoked_at"].is_null());
}

on_both!(refuses_what_would_be_no_good_application);
async fn refuses_what_would_be_no_good_application(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let good = json!({ "gpt_id": gpt, "name": "An app" });
    for (name, value, place) in [
        ("gpt_id", json!("no/slash"), "/gpt_id"),
        ("name", json!(""), "/name"),
        ("name", json!("x".repeat(201)), "/name"),
        ("scopes", json!([]), "/scopes"),
        ("scopes", json!(["admin"]), "/scopes"),
        ("collections", json!([]), "/collections"),
        ("collections", json!(["no/slash"]), "/collections"),
        (
            "redirect_uris",
            json!(["http://example.com/cb"]),
            "/redirect_uris",
        ),
        (
            "redirect_uris",
            json!(["https://a.example/cb#x"]),
            "/redirect_uris",
        ),
        ("rate_limits", json!("many"), "/rate_limits"),
        ("secret", json!("mine"), "/secret"),
    ] {
        let call = operator.create_application(good.clone());
        call.member(name, value).await.refuses_under(place);
    }
    let call = operator
        .create_application(good)
        .member("gpt_id", "nobody-at-all");
    call.await.expect(404).problem("gpt-not-found");
    let none = operator.list_applications().query("gpt_id", &gpt).await;
    assert!(none.items().is_empty());
}
