//! Why a request was refused before any handler saw it.

use poem::error::ResponseError;
use poem::http::StatusCode;

use crate::api::problem::Problem;
use crate::error::Violation;

/// A request that could not be read.
///
/// It travels inside a `poem::Error`, so that `api::problem` finds it with `downcast`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Parameters or members of the body break the document's constraints.
    #[error("the request is not valid")]
    InvalidRequest {
        /// Every place that is wrong.
        violations: Vec<Violation>,
    },
    /// The body is not JSON.
    #[error("malformed JSON: {detail}")]
    MalformedJson {
        /// Where the reader was, as a JSON Pointer; empty for the whole body.
        pointer: String,
        /// What is wrong, with line and column.
        detail: String,
    },
    /// The content type is not one that the operation takes.
    #[error("unsupported media type")]
    UnsupportedMediaType {
        /// The media types that the operation takes.
        supported: &'static [&'static str],
    },
    /// The body is larger than [`super::BodyLimit`].
    #[error("the request body is larger than {limit} bytes")]
    PayloadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The connection ended before the body did.
    #[error("the request body ended early")]
    IncompleteBody,
}

impl Rejection {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest { .. } | Self::MalformedJson { .. } | Self::IncompleteBody => {
                StatusCode::BAD_REQUEST
            }
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::PayloadTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// The problem document that says so.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        Problem::from(poem::Error::from(self))
    }
}

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        self.status()
    }
}
