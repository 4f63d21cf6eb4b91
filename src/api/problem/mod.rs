//! Problem documents (RFC 9457): one form for every failure, from every layer.
//!
//! A [`Problem`] travels through poem as an error or as a response without a body; `edge` writes
//! the body at the very end, when the request's id and path are known.

mod catalogue;
mod pages;
mod transport;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use poem::http::StatusCode;

pub use catalogue::{Entry, entry};
pub use pages::{index_page, problem_page};

use super::generated::types::{self, BatchItem, FieldError, ProblemCode};
use crate::error::{Error, Unauthorized, Violation};

/// What `retry_after` says, in seconds, when something that is needed is away.
const RETRY_SECONDS: i64 = 1;

/// Why a request failed, before it is written down.
#[derive(Clone, Debug)]
pub struct Problem {
    code: ProblemCode,
    detail: String,
    errors: Vec<FieldError>,
    items: Vec<BatchItem>,
    current_version: Option<i64>,
    retry_after: Option<i64>,
    rate_limit: Option<Box<types::RateLimit>>,
    components: Vec<types::Component>,
    allow: Option<String>,
    length: Option<u64>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem of the kind `code`; `detail` says what went wrong this time.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            items: Vec::new(),
            current_version: None,
            retry_after: None,
            rate_limit: None,
            components: Vec::new(),
            allow: None,
            length: None,
            cause: None,
        }
    }

    /// The same problem, naming the places that are wrong.
    #[must_use]
    pub fn at(mut self, places: impl IntoIterator<Item = Violation>) -> Self {
        self.errors
            .extend(places.into_iter().map(|place| FieldError {
                pointer: place.pointer,
                detail: place.detail,
            }));
        self
    }

    /// The same problem, with the methods that the path does have (RFC 9110, 15.5.6).
    #[must_use]
    pub fn allowing(mut self, methods: String) -> Self {
        self.allow = Some(methods);
        self
    }

    /// The same problem, with the length of what a range was asked of (RFC 9110, 15.5.17).
    #[must_use]
    pub fn of_length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// The same problem, with the limit that was reached and when to try again, in seconds.
    #[must_use]
    pub fn limited(mut self, limit: types::RateLimit, retry_after: i64) -> Self {
        self.rate_limit = Some(Box::new(limit));
        self.retry_after = Some(retry_after);
        self
    }

    /// The same problem, with what the service stands on.
    #[must_use]
    pub fn with_components(mut self, components: Vec<types::Component>) -> Self {
        self.components = components;
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        entry(self.code).status
    }

    /// The kind of problem.
    #[must_use]
    pub fn code(&self) -> ProblemCode {
        self.code
    }

    /// When to try again, in seconds, if that may help.
    #[must_use]
    pub fn retry_after(&self) -> Option<i64> {
        self.retry_after
    }

    /// What only the log should see.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync)> {
        self.cause.as_deref()
    }

    fn because(mut self, cause: Box<dyn StdError + Send + Sync>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Makes a batch's problem of the problem of its operation `index`.
    fn of_batch(mut self, index: usize, operations: &[types::BatchOperationKind]) -> Self {
        let failed = self.status().as_u16();
        let detail = std::mem::take(&mut self.detail);
        self.items = operations
            .iter()
            .enumerate()
            .map(|(at, op)| BatchItem {
                index: i32::try_from(at).unwrap_or(i32::MAX),
                op: *op,
                status: i32::from(if at == index { failed } else { 424 }),
                id: None,
                version: None,
                created_at: None,
                updated_at: None,
                detail: (at == index).then(|| detail.clone()),
            })
            .collect();
        self.detail = format!("Operation {index} failed, so nothing was changed. {detail}");
        self
    }

    /// The problem of a batch whose service call failed with `error`.
    #[must_use]
    pub fn from_batch(error: Error, operations: &[types::BatchOperationKind]) -> Self {
        match error {
            Error::BatchFailed { index, cause } => Self::from(*cause).of_batch(index, operations),
            other => Self::from(other),
        }
    }

    /// The document to send. `public_url` has no slash at its end.
    #[must_use]
    pub fn document(&self, public_url: &str, path: &str, request_id: &str) -> types::Problem {
        let entry = entry(self.code);
        types::Problem {
            r#type: format!("{public_url}/problems/{}", self.code.as_str()),
            title: entry.title.to_owned(),
            status: i32::from(entry.status.as_u16()),
            detail: self.detail.clone(),
            instance: Some(path.to_owned()),
            code: self.code,
            request_id: Some(request_id.to_owned()),
            errors: (!self.errors.is_empty()).then(|| self.errors.clone()),
            current_version: self.current_version,
            retry_after: self.retry_after,
            rate_limit: self.rate_limit.as_deref().cloned(),
            items: (!self.items.is_empty()).then(|| self.items.clone()),
            components: (!self.components.is_empty()).then(|| self.components.clone()),
            error: types::ProblemError {
                message: self.detail.clone(),
                r#type: entry.openai_type().to_owned(),
                param: self.errors.first().map(|place| place.pointer.clone()),
                code: self.code,
            },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl StdError for Problem {}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use ProblemCode as Code;
        let detail = describe(&error);
        match error {
            Error::InvalidRequest(places) => Self::new(Code::InvalidRequest, detail).at(places),
            Error::MalformedJson(place) => Self::new(Code::MalformedJson, detail).at([place]),
            Error::InvalidDocument(place) => Self::new(Code::InvalidDocument, detail).at([place]),
            Error::TooLarge { .. } => Self::new(Code::PayloadTooLarge, detail),
            Error::FileTooLarge { .. } => Self::new(Code::FileTooLarge, detail),
            Error::MalformedForm(_) => Self::new(Code::MalformedForm, detail),
            Error::IncompleteBody => Self::new(Code::IncompleteBody, detail),
            Error::InvalidCursor(_) => Self::new(Code::InvalidCursor, detail),
            Error::Unauthorized(_) => Self::new(Code::Unauthorized, detail),
            Error::Forbidden(_) => Self::new(Code::Forbidden, detail),
            Error::QuotaExceeded(_) => Self::new(Code::QuotaExceeded, detail),
            Error::ObjectNotFound => Self::new(Code::ObjectNotFound, detail),
            Error::CollectionNotFound => Self::new(Code::CollectionNotFound, detail),
            Error::FileNotFound => Self::new(Code::FileNotFound, detail),
            Error::UploadNotFound => Self::new(Code::UploadNotFound, detail),
            Error::UploadClosed(_) => Self::new(Code::UploadClosed, detail),
            Error::GptNotFound => Self::new(Code::GptNotFound, detail),
            Error::KeyNotFound => Self::new(Code::KeyNotFound, detail),
            Error::ApplicationNotFound => Self::new(Code::ApplicationNotFound, detail),
            Error::WebhookNotFound => Self::new(Code::WebhookNotFound, detail),
            Error::SessionNotFound => Self::new(Code::SessionNotFound, detail),
            Error::JobNotFound => Self::new(Code::JobNotFound, detail),
            Error::AlreadyExists(_) => Self::new(Code::AlreadyExists, detail),
            Error::PreconditionFailed { current } => {
                let mut problem = Self::new(Code::PreconditionFailed, detail);
                problem.current_version = current;
                problem
            }
            Error::PreconditionRequired => Self::new(Code::PreconditionRequired, detail),
            Error::SchemaViolation(places) => Self::new(Code::SchemaViolation, detail).at(places),
            Error::InvalidSchema(places) => Self::new(Code::InvalidSchema, detail).at(places),
            Error::IdempotencyInProgress => Self::new(Code::IdempotencyInProgress, detail).later(),
            Error::IdempotencyKeyReused => Self::new(Code::IdempotencyKeyReused, detail),
            Error::BatchFailed { cause, .. } => Self::from(*cause),
            Error::Unavailable(cause) => {
                Self::new(Code::Unavailable, detail).later().because(cause)
            }
            Error::Internal(cause) => Self::new(Code::InternalError, detail).because(cause),
        }
    }
}

impl Problem {
    fn later(mut self) -> Self {
        self.retry_after = Some(RETRY_SECONDS);
        self
    }
}

/// What to tell the caller: what went wrong, and what to do about it.
fn describe(error: &Error) -> String {
    let places = |places: &[Violation]| match places {
        [] => String::new(),
        [only] => format!(" {}: {}", only.pointer, only.detail),
        [first, rest @ ..] => {
            format!(
                " {}: {} (and {} more)",
                first.pointer,
                first.detail,
                rest.len()
            )
        }
    };
    match error {
        Error::InvalidRequest(at) => format!("The request is not valid.{}", places(at)),
        Error::MalformedJson(at) => format!("This is not JSON. {}: {}", at.pointer, at.detail),
        Error::InvalidDocument(at) => {
            format!(
                "The document cannot be stored. {}: {}",
                at.pointer, at.detail
            )
        }
        Error::TooLarge { what, limit } => {
            format!("{what} is larger than {limit} bytes. Split it into several.")
        }
        Error::FileTooLarge { limit } => {
            format!("The bytes are more than the {limit} that are allowed here.")
        }
        Error::MalformedForm(why) => (*why).to_owned(),
        Error::IncompleteBody => "The request body stopped before its end.".to_owned(),
        Error::InvalidCursor(why) => {
            format!("{why} Start again without cursor to get the first page.")
        }
        Error::Unauthorized(Unauthorized::Missing) => {
            "No API key came with the request: send it as `Authorization: Bearer gos_…`.".to_owned()
        }
        Error::Unauthorized(why) => format!("The API key or token is not valid: {why}."),
        Error::Forbidden(why) | Error::QuotaExceeded(why) | Error::AlreadyExists(why) => {
            why.clone()
        }
        Error::ObjectNotFound => "There is no object with this id.".to_owned(),
        Error::CollectionNotFound => {
            "There is no collection with this name. Create it with upsert_collection.".to_owned()
        }
        Error::FileNotFound => "There is no file with this id, or it has expired.".to_owned(),
        Error::UploadNotFound => "There is no upload with this id.".to_owned(),
        Error::GptNotFound => "There is no GPT with this id.".to_owned(),
        Error::KeyNotFound => "There is no API key with this id.".to_owned(),
        Error::WebhookNotFound => "The GPT has no webhook.".to_owned(),
        Error::ApplicationNotFound => "There is no application with this client id.".to_owned(),
        Error::SessionNotFound => "There is no session with this id.".to_owned(),
        Error::JobNotFound => "There is no import or export with this id.".to_owned(),
        Error::UploadClosed(state) => {
            format!("The upload is {state}. Begin another one with create_upload.")
        }
        Error::PreconditionFailed {
            current: Some(version),
        } => format!(
            "The current version is {version}, not the one that was expected. Get the resource \
             again, redo the change on it, and send its version as if_match."
        ),
        Error::PreconditionFailed { current: None } => {
            "There is nothing yet that could match if_match. Leave it out to create.".to_owned()
        }
        Error::PreconditionRequired => {
            "Say which version this changes: read the namespace, then send the ETag of the answer \
             as If-Match, or its version as if_match in the body. \"0\" creates a namespace."
                .to_owned()
        }
        Error::SchemaViolation(at) => {
            format!(
                "The document breaks the collection's JSON Schema.{}",
                places(at)
            )
        }
        Error::InvalidSchema(at) => format!("The JSON Schema cannot be used.{}", places(at)),
        Error::IdempotencyInProgress => {
            "A request with this idempotency key is still running. Try again in a moment."
                .to_owned()
        }
        Error::IdempotencyKeyReused => {
            "This idempotency key was used for another request. Use a new one.".to_owned()
        }
        Error::BatchFailed { cause, .. } => describe(cause),
        Error::Unavailable(_) => {
            "The service cannot do this right now. Nothing was lost; try again in a moment."
                .to_owned()
        }
        Error::Internal(_) => {
            "Something went wrong on our side. Please report it with the request_id.".to_owned()
        }
    }
}
