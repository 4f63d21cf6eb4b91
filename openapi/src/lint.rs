//! The rules that a document must keep: those of the importer of GPT Actions, those of the
//! generators, and ours. Each finding says what to change.

mod document;
mod operation;
mod request;
mod response;
mod schema;
mod streams;

use serde_json::Value;

use crate::{Document, Finding, Plane, lower};

/// What the rules look at, and what they found.
pub(crate) struct Linter<'a> {
    /// The document, OpenAPI 3.1.
    root: &'a Value,
    plane: Plane,
    findings: Vec<Finding>,
}

impl<'a> Linter<'a> {
    fn report(&mut self, at: &str, message: impl Into<String>) {
        self.findings.push(Finding::new(at, message));
    }

    /// Reports `message` unless `holds`.
    fn expect(&mut self, holds: bool, at: &str, message: impl Into<String>) {
        if !holds {
            self.report(at, message);
        }
    }

    /// The component schema that `schema` refers to, with its name.
    fn component(&self, schema: &'a Value) -> Option<(&'a str, &'a Value)> {
        let target = schema.get("$ref")?.as_str()?;
        let name = target.strip_prefix("#/components/schemas/")?;
        Some((name, self.root.pointer(&target[1..])?))
    }
}

/// Every breach of a rule, in no particular order; none for a document that may be built from.
///
/// GPTs never see the operator's document, so what their importer alone wants is not asked of it.
#[must_use]
pub fn lint(document: &Document, plane: Plane) -> Vec<Finding> {
    let mut linter = Linter {
        root: document.value(),
        plane,
        findings: Vec::new(),
    };
    linter.document();
    linter.operations(document);
    linter.schemas();
    if let Err(error) = lower(document) {
        linter.report(&error.pointer, error.message);
    }
    linter.findings
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn members<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let map = value.get(key).and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

fn elements<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests;
