//! A problem on its way through poem: from its errors, as a response, and written down.

use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError, ResponseError};
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::error::AuthorizationError;

use super::Problem;
use crate::api::generated::types::ProblemCode;
use crate::api::oauth::PROTECTED_RESOURCE;
use crate::api::wire::Rejection;
use crate::error::{Error, Unauthorized, Violation};

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        Self::status(self)
    }

    fn as_response(&self) -> Response {
        self.clone().into_response()
    }
}

impl IntoResponse for Problem {
    /// A response without a body that carries the problem; [`Problem::write`] completes it.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<poem::Error> for Problem {
    fn from(error: poem::Error) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(rejection) = error.downcast_ref::<Rejection>() {
            return Self::from(rejection);
        }
        if error.is::<AuthorizationError>() {
            return Error::Unauthorized(Unauthorized::Missing).into();
        }
        if error.is::<MethodNotAllowedError>() {
            return Self::new(
                ProblemCode::MethodNotAllowed,
                "The path does not have this method.",
            );
        }
        // poem's router says the latter of a path that is not UTF-8 once decoded.
        if error.is::<NotFoundError>() || error.is::<ParsePathError>() {
            return Self::new(ProblemCode::NotFound, "There is nothing at this path.");
        }
        Error::Internal(Box::new(std::io::Error::other(error.to_string()))).into()
    }
}

impl Problem {
    /// The response to send: status, headers and the document as `application/problem+json`.
    #[must_use]
    pub fn write(&self, public_url: &str, path: &str, request_id: &str) -> Response {
        let document = self.document(public_url, path, request_id);
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::builder()
            .status(self.status())
            .content_type("application/problem+json")
            .header(header::CACHE_CONTROL, "no-store")
            .body(body);
        let headers = response.headers_mut();
        let mut set = |name, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        if let Some(version) = self.current_version {
            set(header::ETAG, format!("\"{version}\""));
        }
        if let Some(seconds) = self.retry_after {
            set(header::RETRY_AFTER, seconds.to_string());
        }
        if let Some(methods) = &self.allow {
            set(header::ALLOW, methods.clone());
        }
        if let Some(length) = self.length {
            set(header::CONTENT_RANGE, format!("bytes */{length}"));
        }
        // OpenAI's SDKs send any request again that was answered 409, unless they are told not to.
        if self.status() == StatusCode::CONFLICT && self.retry_after.is_none() {
            set(SHOULD_RETRY, "false".to_owned());
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            set(header::WWW_AUTHENTICATE, self.challenge(public_url));
        }
        response
    }

    /// RFC 6750, 3: no error code when no credentials came. RFC 9728, 5.1: where to learn how to get
    /// some.
    fn challenge(&self, public_url: &str) -> String {
        let missing = super::describe(&Error::Unauthorized(Unauthorized::Missing));
        let error = if self.detail == missing {
            ""
        } else {
            ", error=\"invalid_token\""
        };
        format!(
            "Bearer realm=\"gpt-object-store\"{error}, \
             resource_metadata=\"{public_url}{PROTECTED_RESOURCE}\""
        )
    }
}

impl From<&Rejection> for Problem {
    fn from(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::InvalidRequest { violations } => {
                Error::InvalidRequest(violations.clone()).into()
            }
            Rejection::MalformedJson { pointer, detail } => {
                Error::MalformedJson(Violation::new(pointer.as_str(), detail.as_str())).into()
            }
            Rejection::UnsupportedMediaType { supported } => Self::new(
                ProblemCode::UnsupportedMediaType,
                format!(
                    "Send the body with Content-Type {}.",
                    supported.join(" or ")
                ),
            ),
            Rejection::PayloadTooLarge { limit } => Error::TooLarge {
                what: "The request body",
                limit: *limit,
            }
            .into(),
            Rejection::IncompleteBody => Self::new(
                ProblemCode::MalformedJson,
                "The request body stopped before its end.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(problem: &Problem, name: &str) -> Option<String> {
        let response = problem.write("http://localhost:8000", "/v1/files", "r");
        let value = response.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_definite_conflict_is_not_to_be_tried_again() {
        let closed = Problem::from(Error::UploadClosed("cancelled"));
        assert_eq!(closed.status(), StatusCode::CONFLICT);
        assert_eq!(header(&closed, "x-should-retry").as_deref(), Some("false"));
        let running = Problem::from(Error::IdempotencyInProgress);
        assert_eq!(running.status(), StatusCode::CONFLICT);
        assert_eq!(header(&running, "x-should-retry"), None);
        assert_eq!(header(&running, "retry-after").as_deref(), Some("1"));
    }

    #[test]
    fn an_unsatisfiable_range_says_the_length() {
        let problem = Problem::new(ProblemCode::RangeNotSatisfiable, "None.").of_length(7);
        assert_eq!(problem.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        let range = header(&problem, "content-range");
        assert_eq!(range.as_deref(), Some("bytes */7"));
        assert_eq!(
            header(&Problem::from(Error::FileNotFound), "content-range"),
            None
        );
    }
}
