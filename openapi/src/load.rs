//! Reading a document strictly: nothing is dropped, doubled or left dangling in silence.

use serde_json::Value;

use crate::structure::{Child, Kind, Node, child_of, fields, walk};
use crate::{Document, Finding, pointer};

/// Why a document could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The text is not YAML, or a mapping has the same key twice.
    #[error("the document is not valid YAML: {0}")]
    Yaml(#[from] yaml_serde::Error),
    /// The YAML has no JSON form, for example a mapping as a key.
    #[error("the document has no JSON form: {0}")]
    Json(#[from] serde_json::Error),
    /// The document has unknown keywords or dangling references.
    #[error("{}", list(.0))]
    Invalid(Vec<Finding>),
}

fn list(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Reads an OpenAPI 3.1 document from YAML (or JSON, which is YAML).
///
/// # Errors
///
/// Invalid YAML, a key that appears twice in one mapping, a keyword that is unknown where it
/// stands, a value of the wrong shape, or a `$ref` that leads nowhere.
pub fn load(yaml: &str) -> Result<Document, LoadError> {
    // `serde_json::Value` would keep the last of two equal keys; `yaml_serde::Value` refuses them.
    let parsed: yaml_serde::Value = yaml_serde::from_str(yaml)?;
    let value = serde_json::to_value(parsed)?;
    let mut findings = Vec::new();
    walk(&value, &mut |node| {
        check_shape(node, &mut findings);
        check_reference(node, &value, &mut findings);
    });
    if findings.is_empty() {
        Ok(Document::new(value))
    } else {
        Err(LoadError::Invalid(findings))
    }
}

fn check_shape(node: &Node<'_>, findings: &mut Vec<Finding>) {
    let members = match node.value {
        Value::Object(members) => members,
        Value::Bool(_) if node.kind == Kind::Schema => return,
        _ => {
            findings.push(Finding::new(&node.pointer, "must be an object"));
            return;
        }
    };
    for (key, value) in members {
        let at = pointer::child(&node.pointer, key);
        match child_of(node.kind, key) {
            None => findings.push(Finding::new(&at, unknown_keyword(node.kind, key))),
            Some(Child::Each(_)) if !value.is_array() => {
                findings.push(Finding::new(&at, "must be a list"));
            }
            Some(Child::Named(_)) if !value.is_object() => {
                findings.push(Finding::new(
                    &at,
                    "must be an object that maps names to objects",
                ));
            }
            Some(_) => {}
        }
    }
}

fn unknown_keyword(kind: Kind, key: &str) -> String {
    let known: Vec<_> = fields(kind).iter().map(|(name, _)| *name).collect();
    format!(
        "`{key}` is not a keyword that this project understands here: remove it, or use one of {}",
        known.join(", ")
    )
}

fn check_reference(node: &Node<'_>, document: &Value, findings: &mut Vec<Finding>) {
    let Some(target) = node.value.get("$ref") else {
        return;
    };
    let section = match node.kind {
        Kind::Schema => "schemas",
        Kind::Parameter => "parameters",
        Kind::RequestBody => "requestBodies",
        Kind::Response => "responses",
        Kind::Header => "headers",
        Kind::Example => "examples",
        Kind::SecurityScheme => "securitySchemes",
        Kind::PathItem => "pathItems",
        _ => return,
    };
    let prefix = format!("#/components/{section}/");
    let at = pointer::child(&node.pointer, "$ref");
    match target.as_str().filter(|target| target.starts_with(&prefix)) {
        None => findings.push(Finding::new(
            &at,
            format!("must be a reference of the form `{prefix}NAME`"),
        )),
        Some(target) if document.pointer(&target[1..]).is_none() => findings.push(Finding::new(
            &at,
            format!("`{target}` leads nowhere: define the component, or correct the name"),
        )),
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(yaml: &str) -> Vec<Finding> {
        match load(yaml) {
            Err(LoadError::Invalid(findings)) => findings,
            other => panic!("expected findings, got {other:?}"),
        }
    }

    #[test]
    fn a_duplicate_key_is_an_error() {
        let error = load("openapi: 3.1.0\ninfo: {title: a, title: b}\n").unwrap_err();
        assert!(matches!(&error, LoadError::Yaml(_)), "{error}");
        assert!(error.to_string().contains("duplicate"), "{error}");
    }

    #[test]
    fn an_unknown_keyword_is_named_with_its_place() {
        let found = findings("components: {schemas: {A: {type: string, maxLenght: 3}}}");
        assert_eq!(found[0].pointer, "/components/schemas/A/maxLenght");
        assert!(
            found[0].message.starts_with("`maxLenght` is not a keyword"),
            "{}",
            found[0]
        );
    }

    #[test]
    fn a_dangling_reference_is_an_error() {
        let found = findings("components: {schemas: {A: {$ref: '#/components/schemas/B'}}}");
        assert_eq!(found[0].pointer, "/components/schemas/A/$ref");
        assert!(found[0].message.contains("leads nowhere"), "{}", found[0]);
    }

    #[test]
    fn a_property_may_have_any_name() {
        let yaml = "components: {schemas: {A: {properties: {$ref: {type: string}, zzz: true}}}}";
        load(yaml).unwrap();
    }

    #[test]
    fn extensions_are_known_everywhere() {
        load("x-a: 1\npaths: {/a: {get: {x-b: {c: d}}}}").unwrap();
    }
}
