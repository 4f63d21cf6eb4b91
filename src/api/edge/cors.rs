//! Cross-origin requests from browsers (the Fetch standard, "CORS protocol").
//!
//! Callers prove who they are with a header that their page sets, never with cookies, so no
//! credentials are allowed, and by default every origin is. An origin that is not allowed is still
//! answered, without the headers that would let its page see the answer; poem's own middleware
//! refuses it with an error and answers preflights with 200.

use std::sync::Arc;

use gpt_object_store_openapi::Plane;
use poem::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode};
use poem::{Request, Response};

use super::methods;
use crate::api::{metrics, oauth};

/// The headers that operations read.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, if-match, content-type, x-thesara-app-id, if-none-match, idempotency-key, \
     prefer, range, x-request-id",
);
/// The headers of answers that pages may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Link, Retry-After, Idempotent-Replayed, Content-Disposition, Content-Range, \
     Accept-Ranges, X-Request-Id, RateLimit, RateLimit-Policy",
);
/// Those of the Storage API, as its users know them.
const EXPOSED_BY_STORAGE: HeaderValue = HeaderValue::from_static("ETag, X-Storage-Backend");
const STORAGE: &str = "/api/storage";
/// How long a browser may remember a preflight, in seconds: the most that Chromium takes.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origins whose pages may call us; `None`: any.
#[derive(Clone, Debug)]
pub struct Cors {
    origins: Option<Arc<[String]>>,
    is_off: bool,
}

impl Cors {
    /// Allows `origins`, or any.
    #[must_use]
    pub fn new(origins: Option<Vec<String>>) -> Self {
        Self {
            origins: origins.map(Into::into),
            is_off: false,
        }
    }

    /// No page may call, wherever it is from, and nothing is said about it.
    #[must_use]
    pub fn off() -> Self {
        Self {
            origins: None,
            is_off: true,
        }
    }

    /// Whether `path` is none that pages call: people go to it, or servers do. Operators use programs
    /// of their own: a page that got hold of their key should not be able to use it.
    fn is_closed(&self, path: &str) -> bool {
        self.is_off
            || oauth::NO_CORS.contains(&path)
            || path.starts_with(Plane::OPERATOR_PATHS)
            || path == metrics::PATH
    }

    /// The answer to a preflight, if `request` is one.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        let is_preflight = !self.is_closed(request.uri().path())
            && request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        is_preflight.then(|| {
            let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
            let allowed = response.headers_mut();
            let methods = methods::of(request.uri().path());
            if let Ok(methods) = HeaderValue::try_from(format!("{methods}, OPTIONS")) {
                allowed.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            }
            allowed.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            allowed.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            response
        })
    }

    /// Adds what lets the page of `origin` see the answer.
    pub(super) fn allow(&self, origin: Option<&HeaderValue>, path: &str, headers: &mut HeaderMap) {
        if self.is_closed(path) {
            return;
        }
        if path == STORAGE {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_BY_STORAGE);
        }
        if self.origins.is_some() {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) else {
            return;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers
            .entry(ACCESS_CONTROL_EXPOSE_HEADERS)
            .or_insert(EXPOSED);
    }

    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match &self.origins {
            None => Some(HeaderValue::from_static("*")),
            Some(origins) => {
                let is_this = |allowed: &String| allowed.as_bytes() == origin.as_bytes();
                origins.iter().any(is_this).then(|| origin.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(cors: &Cors, origin: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        cors.allow(origin.parse().ok().as_ref(), "/v1/limits", &mut headers);
        let allowed = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
        allowed.map(|origin| origin.to_str().unwrap().to_owned())
    }

    #[test]
    fn origins_are_compared_whole() {
        let cors = Cors::new(Some(vec!["https://a.example".to_owned()]));
        assert_eq!(
            allowed(&cors, "https://a.example").as_deref(),
            Some("https://a.example")
        );
        for other in [
            "https://a.example.evil.example",
            "http://a.example",
            "null",
            "",
        ] {
            assert_eq!(allowed(&cors, other), None, "{other}");
        }
        assert_eq!(allowed(&Cors::new(None), "null").as_deref(), Some("*"));
    }

    #[test]
    fn what_only_people_and_servers_call_is_not_for_pages() {
        let any = Cors::new(None);
        for (path, is_open) in [
            ("/oauth/authorize", false),
            ("/oauth/introspect", false),
            ("/oauth/token", true),
            ("/oauth/revoke", true),
        ] {
            let mut headers = HeaderMap::new();
            any.allow(
                Some(&HeaderValue::from_static("https://a.example")),
                path,
                &mut headers,
            );
            assert_eq!(
                headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN),
                is_open,
                "{path}"
            );
        }
    }

    #[test]
    fn operators_paths_are_closed_to_pages() {
        let origin = HeaderValue::from_static("https://a.example");
        let headers = |cors: Cors, path| {
            let mut headers = HeaderMap::new();
            cors.allow(Some(&origin), path, &mut headers);
            headers.len()
        };
        assert_eq!(headers(Cors::new(None), "/admin/v1/gpts"), 0);
        assert_eq!(headers(Cors::new(None), "/metrics"), 0);
        assert_eq!(headers(Cors::off(), "/v1/limits"), 0);
        assert_eq!(headers(Cors::new(None), "/v1/limits"), 2);
    }

    #[test]
    fn an_answer_that_depends_on_the_origin_says_so() {
        let vary = |cors: Cors| {
            let mut headers = HeaderMap::new();
            cors.allow(None, STORAGE, &mut headers);
            headers.contains_key(VARY)
        };
        assert!(vary(Cors::new(Some(Vec::new()))));
        assert!(!vary(Cors::new(None)));
    }
}
