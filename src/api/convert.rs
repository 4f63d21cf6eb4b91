//! From the service's values to the contract's types, and from twins to one value.

use crate::document::Document;
use crate::error::{Error, Violation};
use crate::ids::CollectionName;
use crate::service::{CollectionRow, ObjectRow, Preconditions, Service, parse_document};

use super::generated::types;
use super::wire::RawJson;

impl From<ObjectRow> for types::Object {
    fn from(row: ObjectRow) -> Self {
        Self {
            id: row.id,
            collection: row.collection.to_string(),
            body: RawJson::from(row.body),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<CollectionRow> for types::Collection {
    fn from(row: CollectionRow) -> Self {
        Self {
            id: row.id,
            name: row.name.to_string(),
            schema: row.schema.map(RawJson::from),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<Document> for RawJson {
    fn from(document: Document) -> Self {
        Self::from_text(document.into_text())
    }
}

/// The entity tag of `version`: strong, the version in quotes.
pub(super) fn entity_tag(version: i64) -> String {
    format!("\"{version}\"")
}

/// A name that the contract's pattern has already let through.
pub(super) fn collection_name(name: &str) -> Result<CollectionName, Error> {
    name.parse()
        .map_err(|error: crate::ids::InvalidName| Error::invalid("name", error.to_string()))
}

/// The conditions of a header and its twin.
pub(super) fn preconditions(
    header: (&'static str, Option<&str>),
    twin: (&'static str, Option<&str>),
) -> Result<Preconditions, Error> {
    Preconditions::parse([header, twin])
}

/// The document that came as `body` or as the text `body_json`: exactly one of them.
///
/// Faults are placed under the member that carried it.
pub(super) fn body(
    service: &Service,
    body: Option<&RawJson>,
    body_json: Option<&str>,
) -> Result<Document, Error> {
    let (text, prefix) = match (body, body_json) {
        (Some(body), None) => (body.get(), "/body"),
        (None, Some(text)) => (text, "/body_json"),
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "/body_json",
                "send body or body_json, not both",
            ));
        }
        (None, None) => {
            let detail = "is missing: send the document as body, or as JSON text in body_json";
            return Err(Error::InvalidRequest(vec![Violation::new("/body", detail)]));
        }
    };
    parse_document(text, &service.limits().document()).map_err(|error| error.under(prefix))
}
