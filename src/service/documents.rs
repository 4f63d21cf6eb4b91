//! From texts to documents that can be stored, and their check against a schema.

use super::Service;
use crate::document::{self, Document, DocumentError, DocumentErrorKind};
use crate::error::{Error, Violation};
use crate::store::CollectionRow;

/// From this size on, a check may take long enough to hand the async threads to others meanwhile.
const LARGE_DOCUMENT_BYTES: usize = 16 << 10;

/// Reads `text` as a document whose top is an object.
///
/// # Errors
/// [`Error::MalformedJson`], [`Error::InvalidDocument`], [`Error::InvalidRequest`] (not an object)
/// or [`Error::TooLarge`], with pointers from the document's own top.
pub fn parse_document(text: &str, limits: &document::Limits) -> Result<Document, Error> {
    Document::parse_object(text, limits).map_err(|error| refused(error, limits))
}

/// Reads `text` as a value, which may be any JSON.
///
/// # Errors
/// As [`parse_document`].
pub fn parse_value(text: &str, limits: &document::Limits) -> Result<Document, Error> {
    Document::parse(text, limits).map_err(|error| refused(error, limits))
}

/// What a caller is told of a document that cannot be stored.
pub(super) fn refused(error: DocumentError, limits: &document::Limits) -> Error {
    let detail = error.to_string();
    let place = Violation::new(error.pointer, detail);
    match error.kind {
        DocumentErrorKind::NotJson { .. } => Error::MalformedJson(place),
        DocumentErrorKind::NotAnObject => Error::InvalidRequest(vec![place]),
        DocumentErrorKind::TooLarge { .. } => Error::TooLarge {
            what: "The document",
            limit: limits.max_bytes,
        },
        DocumentErrorKind::TooDeep { .. }
        | DocumentErrorKind::NulCharacter
        | DocumentErrorKind::LoneSurrogate
        | DocumentErrorKind::NumberOutOfRange => Error::InvalidDocument(place),
    }
}

impl Service {
    /// Checks `body` against the schema of `collection`, if it has one.
    pub(super) fn validate(
        &self,
        collection: &CollectionRow,
        body: &Document,
    ) -> Result<(), Error> {
        let Some(schema) = &collection.schema else {
            return Ok(());
        };
        let compiled = self
            .schemas
            .get_or_compile(collection.id, collection.version, schema)
            .map_err(|error| Error::Internal(Box::new(error)))?;
        let check = || compiled.validate(body);
        let checked = if body.as_str().len() > LARGE_DOCUMENT_BYTES {
            tokio::task::block_in_place(check)
        } else {
            check()
        };
        checked.map_err(|violations| {
            Error::SchemaViolation(violations.into_iter().map(Into::into).collect())
        })
    }
}

impl From<document::schema::Violation> for Violation {
    fn from(violation: document::schema::Violation) -> Self {
        Self::new(violation.pointer, violation.detail)
    }
}
