//! How far an import or an export is, which is all that a worker knows that takes one over.

use serde::{Deserialize, Serialize};

use super::super::idempotency::internal;
use crate::document::Document;
use crate::error::Error;

/// Errors that are kept; the rest are only counted.
const ERRORS: usize = 100;
/// The longest text that says what is wrong with a line, in characters.
const DETAIL: usize = 300;

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransferReport {
    /// Bytes of whole lines that were read or written.
    pub bytes: u64,
    /// Bytes of the file that is read, once it was looked at.
    pub total_bytes: Option<u64>,
    /// Lines that were read or written, blank ones too.
    pub lines: u64,
    /// Objects that were imported or exported.
    pub objects: u64,
    /// Lines that are collections.
    pub collections: u64,
    /// Lines that were left out because something is wrong with them.
    pub failed: u64,
    /// What is wrong with the first of them.
    pub errors: Vec<LineError>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineError {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong, for a person.
    pub detail: String,
}

impl TransferReport {
    /// What `progress` says; nothing was done yet when it is `{}`.
    ///
    /// # Errors
    /// [`Error::Internal`] for what this program has not written.
    pub fn read(progress: &Document) -> Result<Self, Error> {
        serde_json::from_str(progress.as_str()).map_err(internal)
    }

    /// As the job keeps it. It can be written; an empty text would be none that a database takes.
    pub(super) fn to_document(&self) -> Document {
        Document::from_canonical(serde_json::to_string(self).unwrap_or_default())
    }

    /// Whether all of the file was read.
    pub(super) fn is_complete(&self) -> bool {
        self.total_bytes == Some(self.bytes)
    }

    /// Counts `errors`, and keeps the first of all.
    pub(super) fn add_errors(&mut self, mut errors: Vec<LineError>) {
        self.failed += errors.len() as u64;
        errors.sort_by_key(|error| error.line);
        errors.truncate(ERRORS.saturating_sub(self.errors.len()));
        self.errors.extend(errors);
    }
}

impl LineError {
    /// What `error` says of a line.
    pub(super) fn new(line: u64, error: &Error) -> Self {
        let detail = match error {
            Error::InvalidRequest(places)
            | Error::SchemaViolation(places)
            | Error::InvalidSchema(places) => places.first(),
            Error::MalformedJson(place) | Error::InvalidDocument(place) => Some(place),
            _ => None,
        };
        let detail = match detail {
            Some(place) if place.pointer.is_empty() => place.detail.clone(),
            Some(place) => format!("{}: {}", place.pointer, place.detail),
            None => error.to_string(),
        };
        // A pointer names members of the sender's, and a text with this character cannot be kept.
        let kept = detail.chars().filter(|character| *character != '\0');
        Self {
            line,
            detail: kept.take(DETAIL).collect(),
        }
    }
}
