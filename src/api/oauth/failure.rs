//! Failures of the endpoints that programs call, in RFC 6749's own form (5.2).

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use serde_json::json;

use crate::api::problem::Problem;
use crate::error::Error;
use crate::service::oauth::{GrantError, Refusal, RefusalCode};

/// How a client shows who it is, said with a 401.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"gpt-object-store\"");

/// Why an endpoint does not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// The client is told why.
    Refused(Refusal),
    /// What RFC 6749 has no words for, in the words of the other endpoints: limits, and faults of
    /// ours, which the edge writes into the log.
    Problem(Problem),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Problem(error.into())
    }
}

impl From<GrantError> for Failure {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Refused(refusal) => refusal.into(),
            GrantError::Failed(error) => error.into(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let refusal = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::Refused(refusal) => refusal,
        };
        let is_401 = refusal.code == RefusalCode::InvalidClient;
        let status = if is_401 {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::BAD_REQUEST
        };
        let body = json!({
            "error": refusal.code.as_str(),
            "error_description": refusal.description,
        });
        let mut response = private_json(&body);
        response.set_status(status);
        if is_401 {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

/// JSON that no cache keeps (RFC 6749, 5.1).
#[must_use]
pub fn private_json(body: &serde_json::Value) -> Response {
    Response::builder()
        .content_type("application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::PRAGMA, "no-cache")
        .body(body.to_string())
}
