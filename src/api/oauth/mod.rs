//! The authorization server over HTTP: what browsers and programs call to get tokens.
//!
//! It stands beside the contract: RFC 6749 says what these endpoints take and answer, and clients
//! find them by RFC 8414's document.

mod authorize;
mod client;
mod consent_page;
mod failure;
mod metadata;
mod origin;
mod parameters;
mod ticket;
mod token;

use std::sync::Arc;

use poem::endpoint::make;
use poem::{Endpoint, IntoResponse, Request, Response, Route, get, post};

use super::wire::Operation;
use crate::auth::Authenticator;
use crate::error::Error;
use crate::service::oauth::OAuth;
pub use metadata::PROTECTED_RESOURCE;
use ticket::{NonceCookie, Tickets};

/// Where browsers are sent.
const AUTHORIZE_PATH: &str = "/oauth/authorize";
const TOKEN_PATH: &str = "/oauth/token";
const REVOKE_PATH: &str = "/oauth/revoke";
const INTROSPECT_PATH: &str = "/oauth/introspect";
const JWKS_PATH: &str = "/oauth/jwks.json";

/// Every endpoint here that takes more than GET, with its methods.
pub const METHODS: [(&str, &str); 4] = [
    (AUTHORIZE_PATH, "GET, POST"),
    (TOKEN_PATH, "POST"),
    (REVOKE_PATH, "POST"),
    (INTROSPECT_PATH, "POST"),
];

/// What no page of another origin may read: people look at the one (RFC 9700, 4.17), and servers call
/// the other.
pub const NO_CORS: [&str; 2] = [AUTHORIZE_PATH, INTROSPECT_PATH];

/// A person's consent, as the record of calls has it.
const AUTHORIZE: Operation = Operation {
    id: "authorize",
    method: "POST",
    path: AUTHORIZE_PATH,
};
const ISSUE_TOKEN: Operation = Operation {
    id: "issue_token",
    method: "POST",
    path: TOKEN_PATH,
};
const REVOKE_TOKEN: Operation = Operation {
    id: "revoke_token",
    method: "POST",
    path: REVOKE_PATH,
};
const INTROSPECT_TOKEN: Operation = Operation {
    id: "introspect_token",
    method: "POST",
    path: INTROSPECT_PATH,
};

/// What the endpoints have at hand.
pub struct AuthorizationServer {
    oauth: OAuth,
    authenticator: Arc<Authenticator>,
    tickets: Tickets,
    cookie: NonceCookie,
    public_url: Arc<str>,
}

impl AuthorizationServer {
    /// The endpoints that the outside finds below `public_url`; `secret`, of any length, signs what
    /// the consent page carries.
    ///
    /// # Errors
    /// Never in practice: HMAC takes keys of every length.
    pub fn new(
        oauth: OAuth,
        authenticator: Arc<Authenticator>,
        public_url: &str,
        secret: &[u8],
    ) -> Result<Self, Error> {
        Ok(Self {
            oauth,
            authenticator,
            tickets: Tickets::new(secret)?,
            cookie: NonceCookie::of(public_url),
            public_url: public_url.into(),
        })
    }
}

/// Adds the endpoints to `route`.
pub(super) fn add(route: Route, server: Arc<AuthorizationServer>) -> Route {
    let public_url = server.public_url.clone();
    let documents = [
        (
            metadata::AUTHORIZATION_SERVER,
            metadata::authorization_server(&public_url),
        ),
        (
            metadata::PROTECTED_RESOURCE,
            metadata::protected_resource(&public_url),
        ),
    ];
    let route = documents
        .into_iter()
        .fold(route, |route, (path, document)| {
            let answer = move |_| metadata::public_json(&document);
            route.at(path, get(poem::endpoint::make_sync(answer)))
        });
    let authorize = get(to(&server, |server, request| async move {
        server.ask(request).await
    }));
    let authorize = authorize.post(to(&server, |server, request| async move {
        server.decide(request).await
    }));
    let token = to(&server, |server, request| async move {
        server
            .issue(request)
            .await
            .unwrap_or_else(IntoResponse::into_response)
    });
    let revoke = to(&server, |server, request| async move {
        server
            .revoke(request)
            .await
            .unwrap_or_else(IntoResponse::into_response)
    });
    let introspect = to(&server, |server, request| async move {
        server
            .introspect(request)
            .await
            .unwrap_or_else(IntoResponse::into_response)
    });
    let jwks = to(&server, |server, _| async move {
        server
            .keys()
            .await
            .unwrap_or_else(IntoResponse::into_response)
    });
    route
        .at(AUTHORIZE_PATH, authorize)
        .at(TOKEN_PATH, post(token))
        .at(REVOKE_PATH, post(revoke))
        .at(INTROSPECT_PATH, post(introspect))
        .at(JWKS_PATH, get(jwks))
}

/// An endpoint that hands a request to `answer`.
fn to<F, A>(
    server: &Arc<AuthorizationServer>,
    answer: F,
) -> impl Endpoint<Output = Response> + 'static
where
    F: Fn(Arc<AuthorizationServer>, Request) -> A + Send + Sync + 'static,
    A: Future<Output = Response> + Send + 'static,
{
    let server = server.clone();
    make(move |request| answer(server.clone(), request))
}
