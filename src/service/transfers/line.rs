//! What one line says.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::super::documents::{parse_document, refused};
use crate::clock::Timestamp;
use crate::document::{self, Document};
use crate::error::{Error, Violation};
use crate::ids::CollectionName;
use crate::store::ObjectRow;

/// What one line is.
#[derive(Debug)]
pub(super) enum Item {
    /// Nothing but blanks.
    Blank,
    /// An object, and whether it came with its id.
    Object(ObjectRow, bool),
    /// A collection, and its schema if it has one.
    Collection(CollectionName, Option<Document>),
}

/// A line as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent<'a> {
    #[serde(borrow)]
    collection: Option<Cow<'a, str>>,
    id: Option<Uuid>,
    version: Option<i64>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    schema: Option<&'a RawValue>,
}

/// Tells a member that is null from one that is not there.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Item {
    /// Reads a line. One that names no collection is for `default`.
    ///
    /// # Errors
    /// What is wrong with it, as for a document of a request.
    pub(super) fn parse(
        line: &[u8],
        default: Option<&CollectionName>,
        limits: &document::Limits,
    ) -> Result<Self, Error> {
        if line.trim_ascii().is_empty() {
            return Ok(Self::Blank);
        }
        let malformed = |detail: String| Error::MalformedJson(Violation::new("", detail));
        let text = std::str::from_utf8(line).map_err(|error| malformed(error.to_string()))?;
        // serde would take an array of the members' values too.
        if !text.trim_start().starts_with('{') {
            return Err(malformed("must be a JSON object".to_owned()));
        }
        let sent: Sent<'_> =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let name = match (&sent.collection, default) {
            (Some(name), _) => collection(name)?,
            (None, Some(name)) => name.clone(),
            (None, None) => return Err(Error::invalid("/collection", "is missing")),
        };
        match (sent.body, sent.schema) {
            (Some(body), None) => {
                let body = parse_document(body.get(), limits);
                let body = body.map_err(|error| error.under("/body"))?;
                Ok(Self::Object(sent.object(name, body)?, sent.id.is_some()))
            }
            (None, Some(schema)) => {
                let schema = Document::parse(schema.get(), limits);
                let schema = schema.map_err(|error| refused(error, limits).under("/schema"))?;
                let is_none = ["null", "{}"].contains(&schema.as_str());
                Ok(Self::Collection(name, (!is_none).then_some(schema)))
            }
            _ => Err(Error::invalid(
                "",
                "must have a body or a schema, and not both",
            )),
        }
    }
}

impl Sent<'_> {
    fn object(&self, collection: CollectionName, body: Document) -> Result<ObjectRow, Error> {
        let version = self.version.unwrap_or(1);
        if version < 1 {
            return Err(Error::invalid("/version", "must be at least 1"));
        }
        let created_at = self.created_at.unwrap_or_else(Timestamp::now);
        let updated_at = self.updated_at.unwrap_or(created_at);
        if updated_at < created_at {
            return Err(Error::invalid("/updated_at", "is before created_at"));
        }
        Ok(ObjectRow {
            id: self.id.unwrap_or_else(Uuid::now_v7),
            collection,
            body,
            version,
            created_at,
            updated_at,
        })
    }
}

fn collection(name: &str) -> Result<CollectionName, Error> {
    name.parse()
        .map_err(|error: crate::ids::InvalidName| Error::invalid("/collection", error.to_string()))
}
