//! How clients show who they are.

use reqwest::Method;
use serde_json::json;

use crate::support::app::App;
use crate::support::oauth::{Form, REDIRECT_URI};

fn client_credentials() -> Form {
    Form::new([("grant_type", "client_credentials")])
}

on_both!(a_client_shows_its_secret_in_one_way);
async fn a_client_shows_its_secret_in_one_way(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let form = client_credentials();
    let posted = |form: &Form| application.post("/oauth/token", form);
    application.token(&form).await.expect(200);
    posted(&form)
        .header("authorization", application.basic())
        .await
        .expect(200);
    let named = form.clone().with("client_id", &application.client_id);
    posted(&named)
        .header("authorization", application.basic())
        .await
        .expect(200);
    // Twice is once too often, and nobody is two.
    let another = app.application(&gpt).await;
    for form in [
        application.shown(&form),
        form.clone().with("client_id", &another.client_id),
    ] {
        let both = posted(&form)
            .header("authorization", application.basic())
            .await;
        assert_eq!(both.expect(400)["error"], "invalid_request");
    }
}

on_both!(a_wrong_secret_is_refused);
async fn a_wrong_secret_is_refused(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let another = app.application(&gpt).await;
    let public = app.public_application(&gpt, &[REDIRECT_URI]).await;
    let secret = another.secret.as_deref().unwrap();
    let form = client_credentials();
    for shown in [
        form.clone(),
        form.clone().with("client_id", &application.client_id),
        form.clone()
            .with("client_id", &application.client_id)
            .with("client_secret", secret),
        form.clone()
            .with("client_id", &application.client_id)
            .with("client_secret", "gcs_x"),
        form.clone()
            .with("client_id", &application.client_id)
            .with("client_secret", gpt.key()),
        form.clone()
            .with("client_id", &public.client_id)
            .with("client_secret", secret),
        form.clone()
            .with("client_id", "app_\0")
            .with("client_secret", secret),
    ] {
        let refused = application.post("/oauth/token", &shown).await.expect(401);
        assert_eq!(refused["error"], "invalid_client", "{shown:?}");
        assert!(
            refused
                .header("www-authenticate")
                .unwrap()
                .starts_with("Basic ")
        );
    }
    app.revoke(&application).await;
    let refused = application.token(&form).await.expect(401);
    assert_eq!(refused["error"], "invalid_client");
}

on_both!(only_who_has_a_secret_gets_a_token_for_itself);
async fn only_who_has_a_secret_gets_a_token_for_itself(app: App) {
    let gpt = app.gpt_with_notes().await;
    let application = app.application(&gpt).await;
    let form = client_credentials().with("scope", "objects:read");
    let tokens = application.token(&form).await.expect(200);
    assert_eq!(tokens["scope"], "objects:read");
    assert!(tokens["refresh_token"].is_null());
    assert_eq!(tokens.header("cache-control").as_deref(), Some("no-store"));
    let holder = gpt.with_key(&tokens.string("access_token"));
    holder.list_objects("notes").await.expect(200);
    holder.create_object("notes", json!({})).await.expect(403);
    let over = application
        .token(&form.with("scope", "admin"))
        .await
        .expect(400);
    assert_eq!(over["error"], "invalid_scope");
    let public = app.public_application(&gpt, &[REDIRECT_URI]).await;
    let refused = public.token(&client_credentials()).await.expect(400);
    assert_eq!(refused["error"], "unauthorized_client");
}

on_both!(parameters_come_once_and_in_the_body);
async fn parameters_come_once_and_in_the_body(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let form = application.shown(&client_credentials());
    let json = json!({
        "grant_type": "client_credentials",
        "client_id": application.client_id,
        "client_secret": application.secret,
    });
    app.call(Method::POST, "/oauth/token")
        .json(json)
        .await
        .expect(200);
    let in_query = format!("/oauth/token?{}", form.encode());
    for refused in [
        app.call(Method::POST, &in_query),
        application.post(&in_query, &form),
        application.post(
            "/oauth/token",
            &form.clone().and("grant_type", "client_credentials"),
        ),
        application.post("/oauth/token", &form.clone().without("grant_type")),
        app.call(Method::POST, "/oauth/token").bytes("["),
        app.call(Method::POST, "/oauth/token")
            .header("content-type", "text/plain")
            .bytes(form.encode()),
    ] {
        assert_eq!(refused.await.expect(400)["error"], "invalid_request");
    }
    let unknown = form.clone().with("grant_type", "password");
    let refused = application.post("/oauth/token", &unknown).await.expect(400);
    assert_eq!(refused["error"], "unsupported_grant_type");
    let elsewhere = form.with("resource", "https://elsewhere.example");
    let refused = application
        .post("/oauth/token", &elsewhere)
        .await
        .expect(400);
    assert_eq!(refused["error"], "invalid_target");
}
