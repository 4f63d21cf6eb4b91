//! What programs are told before they ask: who we are, where everything is, and our public keys.

use poem::Response;
use poem::http::header;
use serde_json::{Value, json};

use crate::auth::Scopes;
use crate::service::oauth::CHALLENGE_METHOD;

/// The path of RFC 8414's document.
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// The path of RFC 9728's document.
pub const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";
/// How long these documents may be kept, in seconds. A new signing key signs at once, and who meets
/// a key that it does not know asks again.
const CACHE: &str = "public, max-age=300";

/// RFC 8414: the authorization server.
#[must_use]
pub fn authorization_server(public_url: &str) -> Value {
    let at = |path: &str| format!("{public_url}/oauth/{path}");
    let client_methods = ["client_secret_basic", "client_secret_post", "none"];
    let introspection_methods = ["client_secret_basic", "client_secret_post"];
    json!({
        "issuer": public_url,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "revocation_endpoint": at("revoke"),
        "introspection_endpoint": at("introspect"),
        "jwks_uri": at("jwks.json"),
        "scopes_supported": scopes(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": client_methods,
        "revocation_endpoint_auth_methods_supported": client_methods,
        "introspection_endpoint_auth_methods_supported": introspection_methods,
        "code_challenge_methods_supported": [CHALLENGE_METHOD],
        "authorization_response_iss_parameter_supported": true,
        "service_documentation": format!("{public_url}/docs"),
    })
}

/// RFC 9728: what the tokens are for.
#[must_use]
pub fn protected_resource(public_url: &str) -> Value {
    json!({
        "resource": public_url,
        "authorization_servers": [public_url],
        "jwks_uri": format!("{public_url}/oauth/jwks.json"),
        "scopes_supported": scopes(),
        "bearer_methods_supported": ["header"],
        "resource_name": "GPT Object Store",
        "resource_documentation": format!("{public_url}/docs"),
    })
}

/// Nobody is granted `admin`.
fn scopes() -> Vec<&'static str> {
    Scopes::of_a_gpt()
        .iter()
        .map(crate::auth::Scope::as_str)
        .collect()
}

/// A document that everybody may keep for a while.
#[must_use]
pub fn public_json(document: &Value) -> Response {
    Response::builder()
        .content_type("application/json")
        .header(header::CACHE_CONTROL, CACHE)
        .body(document.to_string())
}
