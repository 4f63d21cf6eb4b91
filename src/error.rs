//! Why something failed, free of transport.
//!
//! [`Error`] says what the client may see; what only the log should see travels as a source.
//! `api::problem` makes the RFC 9457 reply of it.

use std::error::Error as StdError;

/// One place in a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// A JSON Pointer (RFC 6901) into the request body, or the name of a parameter.
    pub pointer: String,
    /// What is wrong there, in a sentence for the caller.
    pub detail: String,
}

impl Violation {
    /// A violation at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }

    /// The same violation, seen from outside a value that stands at `prefix`.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }
}

/// A failure of a service call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks a rule of the contract.
    #[error("the request is not valid")]
    InvalidRequest(Vec<Violation>),
    /// A text that should be JSON is not.
    #[error("malformed JSON")]
    MalformedJson(Violation),
    /// A document that no database could keep faithfully, or that nests too deeply.
    #[error("the document cannot be stored")]
    InvalidDocument(Violation),
    /// A body or a document over its limit.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What is too large, as a noun phrase.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A file, or a part of one, over its limit.
    #[error("the file is larger than {limit} bytes")]
    FileTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A form that is not what RFC 7578 says. The text says so to the caller, as a sentence.
    #[error("malformed form: {0}")]
    MalformedForm(&'static str),
    /// The bytes of a request stopped before their end.
    #[error("the request body ended early")]
    IncompleteBody,
    /// A cursor that is malformed, forged, or made for another list.
    #[error("invalid cursor: {0}")]
    InvalidCursor(&'static str),
    /// No credentials, or credentials that are not valid.
    #[error("unauthorized: {0}")]
    Unauthorized(Unauthorized),
    /// The caller may not do this.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The GPT has as much as it may have. The text says of what, as a sentence.
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    /// No such object for this caller.
    #[error("no such object")]
    ObjectNotFound,
    /// No such collection for this caller.
    #[error("no such collection")]
    CollectionNotFound,
    /// No such file for this caller, or none any more.
    #[error("no such file")]
    FileNotFound,
    /// No such upload for this caller.
    #[error("no such upload")]
    UploadNotFound,
    /// The upload takes nothing any more, and never will.
    #[error("the upload is {0}")]
    UploadClosed(&'static str),
    /// No such GPT.
    #[error("no such GPT")]
    GptNotFound,
    /// No such API key.
    #[error("no such API key")]
    KeyNotFound,
    /// No such OAuth application.
    #[error("no such application")]
    ApplicationNotFound,
    /// The GPT has no webhook.
    #[error("no such webhook")]
    WebhookNotFound,
    /// No such session of an application.
    #[error("no such session")]
    SessionNotFound,
    /// No such import or export for this caller.
    #[error("no such job")]
    JobNotFound,
    /// What should be made is there already. The text says so, as a sentence.
    #[error("already exists: {0}")]
    AlreadyExists(String),
    /// The version is not the one that the caller named.
    #[error("precondition failed")]
    PreconditionFailed {
        /// The version that is there now; `None` when nothing is there.
        current: Option<i64>,
    },
    /// The request must say which version it changes, and does not.
    #[error("a precondition is required")]
    PreconditionRequired,
    /// The document breaks the collection's JSON Schema.
    #[error("the document breaks the collection's schema")]
    SchemaViolation(Vec<Violation>),
    /// What should be a JSON Schema is not an acceptable one.
    #[error("the schema cannot be used")]
    InvalidSchema(Vec<Violation>),
    /// A request with the same idempotency key has not finished.
    #[error("a request with this idempotency key is running")]
    IdempotencyInProgress,
    /// The idempotency key was used for another request.
    #[error("the idempotency key belongs to another request")]
    IdempotencyKeyReused,
    /// One operation of a batch failed, so none was applied.
    #[error("operation {index} of the batch failed: {cause}")]
    BatchFailed {
        /// The failing operation's place, from 0.
        index: usize,
        /// Why it failed.
        cause: Box<Error>,
    },
    /// Something that is needed is away; trying again later may help.
    #[error("a service that is needed is not available")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// A request that is wrong in one place.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::InvalidRequest(vec![Violation::new(pointer, detail)])
    }

    /// The same failure, with its places seen from outside a value that stands at `prefix`.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        let all = |places: Vec<Violation>| {
            places
                .into_iter()
                .map(|place| place.under(prefix))
                .collect()
        };
        match self {
            Self::InvalidRequest(places) => Self::InvalidRequest(all(places)),
            Self::SchemaViolation(places) => Self::SchemaViolation(all(places)),
            Self::InvalidSchema(places) => Self::InvalidSchema(all(places)),
            Self::MalformedJson(place) => Self::MalformedJson(place.under(prefix)),
            Self::InvalidDocument(place) => Self::InvalidDocument(place.under(prefix)),
            other => other,
        }
    }
}

/// What is wrong with a caller's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorized {
    /// There are none.
    #[error("send an API key as `Authorization: Bearer gos_…`")]
    Missing,
    /// The key's form or check digits are wrong, so it was mistyped or cut.
    #[error("it is none of this service: check that it was copied whole")]
    Malformed,
    /// The key is unknown, or was deleted with its GPT; the token was not issued for this service.
    #[error("it is not known")]
    Unknown,
    /// The key was revoked, or the session of the token has ended.
    #[error("it was revoked")]
    Revoked,
    /// The time of the key or token is over.
    #[error("it has expired")]
    Expired,
}

/// An error and all that caused it, in one line, for the log and the terminal.
#[must_use]
pub fn chain(error: &(dyn StdError + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
