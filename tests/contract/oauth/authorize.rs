//! The authorization request: where an answer may go, and what a client is told.

use crate::support::answer::Answer;
use crate::support::app::App;
use crate::support::oauth::{Form, REDIRECT_URI, parameter, sent_back};

/// A page for the person, which sends them nowhere.
#[track_caller]
fn is_dead_end(answer: &Answer) {
    assert_eq!(answer.status(), 400, "{answer}");
    assert_eq!(answer.header("location"), None, "{answer}");
    assert!(answer.text().contains("This cannot go on"), "{answer}");
    assert!(!answer.text().contains("<form"), "{answer}");
}

on_both!(an_answer_goes_to_a_registered_uri_only);
async fn an_answer_goes_to_a_registered_uri_only(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    for near in [
        "https://client.example/callback/",
        "https://client.example/callback?a=b",
        "https://client.example/callback#a",
        "https://client.example/callback/../callback",
        "https://client.example/Callback",
        "https://client.example/%63allback",
        "https://client.example:443/callback",
        "https://Client.example/callback",
        "https://client.example.evil.example/callback",
        "https://evil.example/?https://client.example/callback",
        "https://client.example@evil.example/callback",
        "http://client.example/callback",
        "//client.example/callback",
        "javascript:alert(1)",
        "https://client.example/callback\r\nx: y",
        "",
    ] {
        let request = application.request().with("redirect_uri", near);
        is_dead_end(&application.authorize(&request).await);
    }
    let request = application.request();
    is_dead_end(
        &application
            .authorize(&request.clone().without("redirect_uri"))
            .await,
    );
    is_dead_end(
        &application
            .authorize(&request.clone().and("redirect_uri", REDIRECT_URI))
            .await,
    );
    application.authorize(&request).await.expect(200);
}

on_both!(a_program_on_ones_own_machine_takes_any_port);
async fn a_program_on_ones_own_machine_takes_any_port(app: App) {
    let gpt = app.gpt().await;
    let registered = ["http://127.0.0.1/back"];
    let application = app.public_application(&gpt, &registered).await;
    let request = application.request_with(&"v".repeat(43));
    let with = |uri: &str| request.clone().with("redirect_uri", uri);
    let page = application.page(&with("http://127.0.0.1:51004/back")).await;
    let policy = page.answer.header("content-security-policy").unwrap();
    assert!(
        policy.contains("form-action 'self' http://127.0.0.1 http://127.0.0.1:51004;"),
        "{policy}"
    );
    let answer = application.decide(&page, "allow", gpt.key()).await;
    let back = sent_back(&answer).to_string();
    assert!(
        back.starts_with("http://127.0.0.1:51004/back?code=goc_"),
        "{back}"
    );
    for other in [
        "http://127.0.0.1:51004/other",
        "http://localhost:51004/back",
    ] {
        is_dead_end(&application.authorize(&with(other)).await);
    }
}

on_both!(an_unknown_client_gets_no_answer);
async fn an_unknown_client_gets_no_answer(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let request = application.request();
    let client_id = &application.client_id;
    for wrong in [
        "",
        "app_0123456789012345678901",
        &client_id[..20],
        &format!("{client_id}\0"),
        "é",
    ] {
        is_dead_end(
            &application
                .authorize(&request.clone().with("client_id", wrong))
                .await,
        );
    }
    is_dead_end(
        &application
            .authorize(&request.clone().and("client_id", client_id))
            .await,
    );
    app.revoke(&application).await;
    is_dead_end(&application.authorize(&request).await);
}

on_both!(a_client_is_told_what_is_wrong);
async fn a_client_is_told_what_is_wrong(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let request = application.request();
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let with = |name: &str, value: &str| request.clone().with(name, value);
    let cases: Vec<(Form, &str)> = vec![
        (request.clone().without("response_type"), "invalid_request"),
        (with("response_type", "token"), "unsupported_response_type"),
        (
            with("response_type", "code token"),
            "unsupported_response_type",
        ),
        (with("response_mode", "fragment"), "invalid_request"),
        (with("scope", "files:read"), "invalid_scope"),
        (with("scope", "admin"), "invalid_scope"),
        (with("scope", "objects:read everything"), "invalid_scope"),
        (with("code_challenge", challenge), "invalid_request"),
        (
            with("code_challenge", challenge).with("code_challenge_method", "plain"),
            "invalid_request",
        ),
        (with("code_challenge_method", "S256"), "invalid_request"),
        (
            with("resource", "https://elsewhere.example"),
            "invalid_target",
        ),
        (with("request", "e30."), "request_not_supported"),
        (
            with("request_uri", "https://client.example/r"),
            "request_not_supported",
        ),
        (
            request
                .clone()
                .and("scope", "objects:read")
                .and("scope", "objects:write"),
            "invalid_request",
        ),
    ];
    for (request, error) in cases {
        let back = sent_back(&application.authorize(&request).await);
        let told = |name| parameter(&back, name);
        assert!(
            back.as_str()
                .starts_with("https://client.example/callback?error="),
            "{back}"
        );
        assert_eq!(told("error").as_deref(), Some(error), "{request:?}");
        assert_eq!(told("state").as_deref(), Some("a state & more"));
        assert!(told("iss").is_some() && told("code").is_none(), "{back}");
    }
}

on_both!(a_public_client_must_prove_that_it_asked);
async fn a_public_client_must_prove_that_it_asked(app: App) {
    let gpt = app.gpt().await;
    let application = app.public_application(&gpt, &[REDIRECT_URI]).await;
    let back = sent_back(&application.authorize(&application.request()).await);
    assert_eq!(
        parameter(&back, "error").as_deref(),
        Some("invalid_request")
    );
    let request = application.request_with(&"v".repeat(43));
    application.authorize(&request).await.expect(200);
}
