//! A loaded document and its operations.

use serde_json::{Value, json};

use crate::structure::METHODS;

/// An OpenAPI document that was loaded strictly.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Value);

impl Document {
    pub(crate) fn new(value: Value) -> Self {
        Self(value)
    }

    /// The document as JSON, in the order it was written in.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Every operation, in the document's order.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        operations(&self.0)
    }
}

/// Where a parameter travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    Path,
    Query,
    Header,
    Cookie,
}

/// One parameter of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name as it travels.
    pub name: String,
    /// Where it travels.
    pub location: Location,
    /// Whether a request without it is invalid.
    pub required: bool,
    /// The query parameter or body property that does the same for callers that cannot send headers.
    pub twin: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether callers should stop using it.
    pub deprecated: bool,
    /// Its schema.
    pub schema: Value,
}

/// One operation of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The HTTP method, in lower case.
    pub method: &'static str,
    /// The path template, for example `/v1/objects/{id}`.
    pub path: String,
    /// The name that the handler, the client's method and the tests share.
    pub operation_id: String,
    /// One line about it.
    pub summary: Option<String>,
    /// More about it.
    pub description: Option<String>,
    /// The tags; the first one names the handler trait.
    pub tags: Vec<String>,
    /// Whether callers should stop using it.
    pub deprecated: bool,
    /// The names of the security schemes that it accepts; none when anybody may call it.
    pub security: Vec<String>,
    /// Whether it may be called without credentials too (`security` has an empty requirement).
    pub allows_anonymous: bool,
    /// The scope that the caller must have (`x-required-scope`).
    pub required_scope: Option<String>,
    /// The parameters, path-level ones included.
    pub parameters: Vec<Parameter>,
    /// The request body object, if it has one.
    pub request_body: Option<Value>,
    /// The response objects by status (`200`, `4XX`, `default`), in the document's order.
    pub responses: Vec<(String, Value)>,
}

impl Operation {
    /// The statuses that the operation declares, in the document's order.
    pub fn statuses(&self) -> impl Iterator<Item = &str> {
        self.responses.iter().map(|(status, _)| status.as_str())
    }

    /// Whether callers say who they are; they need not when the operation allows anonymous ones.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        !self.security.is_empty()
    }
}

/// Every operation of a document of any OpenAPI 3 version, in its order.
#[must_use]
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        for (key, value) in item.as_object().into_iter().flatten() {
            if let Some(method) = METHODS.iter().find(|method| **method == key) {
                operations.push(operation(document, path, item, method, value));
            }
        }
    }
    operations
}

fn operation(
    document: &Value,
    path: &str,
    item: &Value,
    method: &'static str,
    value: &Value,
) -> Operation {
    let security = value.get("security").or_else(|| document.get("security"));
    let responses = value.get("responses").and_then(Value::as_object);
    Operation {
        method,
        path: path.to_owned(),
        operation_id: text(value, "operationId").unwrap_or_default(),
        summary: text(value, "summary"),
        description: text(value, "description"),
        tags: texts(value.get("tags")),
        deprecated: flag(value, "deprecated"),
        security: security_schemes(security),
        allows_anonymous: elements(security).any(|requirement| *requirement == json!({})),
        required_scope: text(value, "x-required-scope"),
        parameters: elements(item.get("parameters"))
            .chain(elements(value.get("parameters")))
            .map(parameter)
            .collect(),
        request_body: value.get("requestBody").cloned(),
        responses: responses
            .into_iter()
            .flatten()
            .map(|(status, response)| (status.clone(), response.clone()))
            .collect(),
    }
}

fn parameter(value: &Value) -> Parameter {
    Parameter {
        name: text(value, "name").unwrap_or_default(),
        location: match value.get("in").and_then(Value::as_str) {
            Some("path") => Location::Path,
            Some("header") => Location::Header,
            Some("cookie") => Location::Cookie,
            _ => Location::Query,
        },
        required: flag(value, "required"),
        twin: text(value, "x-twin"),
        description: text(value, "description"),
        deprecated: flag(value, "deprecated"),
        schema: value.get("schema").cloned().unwrap_or(Value::Bool(true)),
    }
}

fn security_schemes(security: Option<&Value>) -> Vec<String> {
    elements(security)
        .filter_map(Value::as_object)
        .flat_map(|requirement| requirement.keys().cloned())
        .collect()
}

fn elements(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn texts(list: Option<&Value>) -> Vec<String> {
    elements(list)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}
