//! Tokens that somebody holds: used, looked at (RFC 7662) and given back (RFC 7009).

use reqwest::Method;
use serde_json::json;

use crate::support::app::App;
use crate::support::oauth::{Form, REDIRECT_URI};

fn of(token: &str) -> Form {
    Form::new([("token", token)])
}

on_both!(a_token_is_taken_from_the_header_only);
async fn a_token_is_taken_from_the_header_only(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let token = application.tokens().await.string("access_token");
    let path = format!("/v1/limits?access_token={token}");
    app.call(Method::GET, &path).await.expect(401);
    let path = format!("/v1/gpts/{}/collections?access_token={token}", gpt.id());
    app.call(Method::POST, &path)
        .json(json!({ "name": "notes" }))
        .await
        .expect(401);
    assert_eq!(application.status(&token).await, 200);
}

on_both!(a_token_is_good_for_its_gpt_only);
async fn a_token_is_good_for_its_gpt_only(app: App) {
    let (gpt, another) = (app.gpt_with_notes().await, app.gpt_with_notes().await);
    let application = app.application(&gpt).await;
    let token = application.tokens().await.string("access_token");
    gpt.with_key(&token).list_objects("notes").await.expect(200);
    another
        .with_key(&token)
        .list_objects("notes")
        .await
        .expect(403);
    gpt.with_key(&token).get_storage("smoke").await.expect(403);
}

on_both!(either_token_ends_the_session);
async fn either_token_ends_the_session(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    for which in ["access_token", "refresh_token"] {
        let tokens = application.tokens().await;
        let revocation = application.shown(&of(&tokens.string(which)));
        application
            .post("/oauth/revoke", &revocation)
            .await
            .expect(200);
        assert_eq!(
            application.status(&tokens.string("access_token")).await,
            401
        );
        let refresh = application.refresh(&tokens.string("refresh_token"));
        let refused = application.token(&refresh).await.expect(400);
        assert_eq!(refused["error"], "invalid_grant");
        // Once more, and what never was one, is as good.
        application
            .post("/oauth/revoke", &revocation)
            .await
            .expect(200);
    }
    for unknown in ["nonsense", gpt.key(), "a.b.c"] {
        application
            .post("/oauth/revoke", &application.shown(&of(unknown)))
            .await
            .expect(200);
    }
}

on_both!(a_public_client_gives_back_its_own);
async fn a_public_client_gives_back_its_own(app: App) {
    let gpt = app.gpt().await;
    let application = app.public_application(&gpt, &[REDIRECT_URI]).await;
    let verifier = "v".repeat(43);
    let code = application.code(&application.request_with(&verifier)).await;
    let exchange = application.exchange(&code).with("code_verifier", &verifier);
    let tokens = application.token(&exchange).await.expect(200);
    let access_token = tokens.string("access_token");
    let another = app.public_application(&gpt, &[REDIRECT_URI]).await;
    let refused = another.post("/oauth/revoke", &another.shown(&of(&access_token)));
    assert_eq!(refused.await.expect(400)["error"], "unauthorized_client");
    assert_eq!(application.status(&access_token).await, 200);
    let own = application.shown(&of(&access_token));
    application.post("/oauth/revoke", &own).await.expect(200);
    assert_eq!(application.status(&access_token).await, 401);
    // Who cannot prove who it is, is told nothing of tokens.
    let asks = application
        .post("/oauth/introspect", &own)
        .await
        .expect(401);
    assert_eq!(asks["error"], "invalid_client");
}

on_both!(who_asks_is_told_of_its_own_tokens);
async fn who_asks_is_told_of_its_own_tokens(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let another = app.application(&gpt).await;
    let operator = app.key(None, "admin", None).await;
    let tokens = application.tokens().await;
    for which in ["access_token", "refresh_token"] {
        let form = of(&tokens.string(which));
        let seen = application.post("/oauth/introspect", &application.shown(&form));
        let seen = seen.await.expect(200);
        assert_eq!(seen["active"], true, "{seen}");
        assert_eq!(seen["client_id"], application.client_id);
        assert_eq!(seen["scope"], "objects:read objects:write");
        assert_eq!(seen["gpt_id"], gpt.id());
        assert!(seen["exp"].is_i64() && seen["iss"].is_string(), "{seen}");
        let anothers = another.post("/oauth/introspect", &another.shown(&form));
        assert_eq!(
            *anothers.await.expect(200).json(),
            json!({ "active": false })
        );
        let operators = application
            .post("/oauth/introspect", &form)
            .key(operator.key.reveal());
        assert_eq!(operators.await.expect(200)["active"], true);
        application
            .post("/oauth/introspect", &form)
            .key(gpt.key())
            .await
            .expect(403);
        application
            .post("/oauth/introspect", &form)
            .await
            .expect(401);
    }
    let refresh = application.refresh(&tokens.string("refresh_token"));
    application.token(&refresh).await.expect(200);
    for gone in [
        &tokens.string("refresh_token"),
        "nonsense",
        gpt.key(),
        "a.b.c",
        "\0",
    ] {
        let seen = application.post("/oauth/introspect", &application.shown(&of(gone)));
        assert_eq!(*seen.await.expect(200).json(), json!({ "active": false }));
    }
}
