//! What clients learn before they ask: RFC 8414, 9728 and 7517.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::App;

/// What the server calls itself.
async fn issuer(app: &App) -> String {
    let path = "/.well-known/oauth-authorization-server";
    app.call(Method::GET, path)
        .await
        .expect(200)
        .string("issuer")
}

on_both!(clients_find_every_endpoint);
async fn clients_find_every_endpoint(app: App) {
    let found = app
        .call(Method::GET, "/.well-known/oauth-authorization-server")
        .await
        .expect(200);
    assert_eq!(
        found.header("content-type").as_deref(),
        Some("application/json")
    );
    let issuer = found.string("issuer");
    for (name, method, status) in [
        ("authorization_endpoint", Method::GET, 400),
        ("token_endpoint", Method::POST, 400),
        ("revocation_endpoint", Method::POST, 400),
        ("introspection_endpoint", Method::POST, 400),
        ("jwks_uri", Method::GET, 200),
    ] {
        let url = found.string(name);
        let path = url.strip_prefix(&issuer).unwrap();
        app.call(method, path).await.expect(status);
    }
    assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(found["response_types_supported"], json!(["code"]));
    assert_eq!(
        found["authorization_response_iss_parameter_supported"],
        true
    );
    let scopes = found["scopes_supported"].as_array().unwrap();
    assert!(scopes.contains(&json!("objects:read")) && !scopes.contains(&json!("admin")));
}

on_both!(resource_servers_find_public_keys_only);
async fn resource_servers_find_public_keys_only(app: App) {
    let found = app.call(Method::GET, "/oauth/jwks.json").await.expect(200);
    let keys = found["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        assert_eq!(
            (&key["kty"], &key["crv"], &key["alg"]),
            (&json!("EC"), &json!("P-256"), &json!("ES256"))
        );
        assert!(key["kid"].is_string());
        assert_eq!(key["d"], Value::Null, "a private key");
    }
}

on_both!(a_401_says_where_tokens_come_from);
async fn a_401_says_where_tokens_come_from(app: App) {
    let refused = app.call(Method::GET, "/v1/limits").await.expect(401);
    let challenge = refused.header("www-authenticate").unwrap();
    let issuer = issuer(&app).await;
    let expected = format!("resource_metadata=\"{issuer}/.well-known/oauth-protected-resource\"");
    assert!(challenge.contains(&expected), "{challenge}");
    let found = app
        .call(Method::GET, "/.well-known/oauth-protected-resource")
        .await
        .expect(200);
    assert_eq!(found["resource"], issuer);
    assert_eq!(found["authorization_servers"], json!([issuer]));
    assert_eq!(found["bearer_methods_supported"], json!(["header"]));
}

on_both!(pages_may_call_what_public_clients_need);
async fn pages_may_call_what_public_clients_need(app: App) {
    for (method, path, is_open) in [
        (Method::GET, "/.well-known/oauth-authorization-server", true),
        (Method::GET, "/oauth/jwks.json", true),
        (Method::POST, "/oauth/token", true),
        (Method::POST, "/oauth/revoke", true),
        (Method::POST, "/oauth/introspect", false),
        (Method::GET, "/oauth/authorize", false),
        (Method::POST, "/oauth/authorize", false),
    ] {
        let origin = "https://page.example";
        let answer = app
            .call(method.clone(), path)
            .header("origin", origin)
            .await;
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed.is_some(), is_open, "{answer}");
        let preflight = app
            .call(Method::OPTIONS, path)
            .header("origin", origin)
            .header("access-control-request-method", method.as_str())
            .await
            .expect(if is_open { 204 } else { 405 });
        let allowed = preflight.header("access-control-allow-origin");
        assert_eq!(allowed.is_some(), is_open, "{preflight}");
        if !is_open {
            continue;
        }
        let methods = preflight.header("access-control-allow-methods").unwrap();
        assert!(methods.contains(method.as_str()), "{path}: {methods}");
    }
}

on_both!(other_methods_are_refused);
async fn other_methods_are_refused(app: App) {
    for (path, allowed) in [
        ("/oauth/authorize", "GET, POST"),
        ("/oauth/token", "POST"),
        ("/oauth/jwks.json", "GET"),
    ] {
        let refused = app.call(Method::PUT, path).await.expect(405);
        assert_eq!(refused.header("allow").as_deref(), Some(allowed));
    }
}
