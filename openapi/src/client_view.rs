//! The lowered document as progenitor can take it.
//!
//! progenitor panics on operations with several success or error types, and makes newtypes with
//! their own regular-expression engine of every bound; the server checks bounds anyway.

use std::convert::Infallible;

use serde_json::{Map, Value, json};

use crate::structure::{Kind, transform};

/// What the client does not check, or would make needless types of.
const STRIPPED: [&str; 17] = [
    "default",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "readOnly",
    "uniqueItems",
    "writeOnly",
];

/// `lowered`, an OpenAPI 3.0.3 document, cut to what progenitor generates a client from:
///
/// - `default` becomes `4XX` and `5XX`, the explicit failures are left out, and problem documents
///   are plain JSON, so that every failure is one typed error;
/// - redirections and 304 are left out: they arrive as unexpected responses with their headers;
/// - a query parameter that is a header's twin is left out: a Rust client can send the header, and
///   progenitor would give both the same name;
/// - a request body has one media type, `application/json` if it may;
/// - operations that take nothing but a form, and the forms, are left out: they are written by hand;
/// - an answer of any media type is `application/octet-stream`, which is a stream of bytes;
/// - bounds, defaults and examples are left out;
/// - a reference loses its annotations, an object with properties its `additionalProperties: true`
///   (which would need serde's `flatten`), and a free-form object its empty `properties`;
/// - an optional free-form object may be null, because progenitor would else take the empty object
///   for none, and never send it.
#[must_use]
pub fn client_view(lowered: &Value) -> Value {
    let mut view = lowered.clone();
    let done: Result<(), Infallible> =
        transform(&mut view, Kind::Document, "", &mut |kind, value, _at| {
            if let Value::Object(members) = value {
                adapt(kind, members);
            }
            Ok(())
        });
    let Ok(()) = done;
    view
}

fn adapt(kind: Kind, members: &mut Map<String, Value>) {
    // The operation, which comes after its parameters, still has to see their twins.
    members.retain(|key, _| !key.starts_with("x-") || kind == Kind::Parameter);
    match kind {
        Kind::Document => members.retain(|key, _| key != "security"),
        Kind::Components => {
            members.retain(|key, _| key != "securitySchemes");
            if let Some(Value::Object(schemas)) = members.get_mut("schemas") {
                schemas.retain(|_, schema| !is_form(schema));
            }
        }
        Kind::PathItem => members.retain(|_, operation| !takes_only_a_form(operation)),
        Kind::Operation => {
            members.retain(|key, _| key != "security");
            if let Some(Value::Array(parameters)) = members.get_mut("parameters") {
                drop_twins(parameters);
            }
            if let Some(Value::Object(responses)) = members.get_mut("responses") {
                adapt_responses(responses);
            }
        }
        Kind::RequestBody => {
            if let Some(Value::Object(content)) = members.get_mut("content") {
                keep_one_media_type(content);
            }
        }
        Kind::Response => {
            if let Some(Value::Object(content)) = members.get_mut("content") {
                rename(content, "application/problem+json", "application/json");
                rename(content, "*/*", "application/octet-stream");
            }
        }
        Kind::Parameter | Kind::MediaType | Kind::Header => {
            members.retain(|key, _| !["example", "examples"].contains(&key.as_str()));
        }
        Kind::Schema => adapt_schema(members),
        _ => {}
    }
}

fn rename(content: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(media) = content.shift_remove(from) {
        content.insert(to.into(), media);
    }
}

/// Whether a component has a file in it, which no JSON body has.
fn is_form(schema: &Value) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut formats = properties
        .into_iter()
        .flat_map(Map::values)
        .filter_map(|property| property.get("format"));
    formats.any(|format| *format == json!("binary"))
}

/// Each request body has one media type by now.
fn takes_only_a_form(operation: &Value) -> bool {
    operation
        .pointer("/requestBody/content/multipart~1form-data")
        .is_some()
}

fn drop_twins(parameters: &mut Vec<Value>) {
    let twin = |parameter: &Value| parameter.get("x-twin")?.as_str().map(str::to_owned);
    let twins: Vec<_> = parameters.iter().filter_map(twin).collect();
    let is_twin = |parameter: &Value| {
        let name = parameter
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        parameter.get("in") == Some(&json!("query")) && twins.iter().any(|twin| twin == name)
    };
    parameters.retain(|parameter| !is_twin(parameter));
}

fn adapt_responses(responses: &mut Map<String, Value>) {
    let default = responses.shift_remove("default");
    responses.retain(|status, _| status.starts_with('2') || status.starts_with("x-"));
    if let Some(default) = default {
        responses.insert("4XX".into(), default.clone());
        responses.insert("5XX".into(), default);
    }
}

fn keep_one_media_type(content: &mut Map<String, Value>) {
    if content.contains_key("application/json") {
        content.retain(|media_type, _| media_type == "application/json");
    } else if let Some(first) = content.keys().next().cloned() {
        content.retain(|media_type, _| *media_type == first);
    }
}

fn adapt_schema(members: &mut Map<String, Value>) {
    members.retain(|key, _| !STRIPPED.contains(&key.as_str()));
    let has_properties = match members.get("properties") {
        Some(Value::Object(properties)) => !properties.is_empty(),
        _ => false,
    };
    if !has_properties {
        members.shift_remove("properties");
    } else if members.get("additionalProperties") == Some(&json!(true)) {
        members.shift_remove("additionalProperties");
    }
    tell_empty_from_absent(members);
    let only = match members
        .get("allOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        Some([only]) if members.get("nullable") != Some(&json!(true)) => only.get("$ref").cloned(),
        _ => None,
    };
    if let Some(target) = only {
        members.clear();
        members.insert("$ref".into(), target);
    }
}

/// Lets optional free-form objects be null, which makes them `Option`s.
fn tell_empty_from_absent(members: &mut Map<String, Value>) {
    let required = members
        .get("required")
        .cloned()
        .unwrap_or_else(|| json!([]));
    let is_required = |name: &str| {
        required
            .as_array()
            .is_some_and(|all| all.contains(&json!(name)))
    };
    let Some(Value::Object(properties)) = members.get_mut("properties") else {
        return;
    };
    for (name, property) in properties.iter_mut() {
        if let Value::Object(property) = property
            && property.get("type") == Some(&json!("object"))
            && !is_required(name)
        {
            property.insert("nullable".into(), json!(true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GPT_OBJECT_STORE_YAML, load, lower};

    #[test]
    fn failures_become_one_typed_error() {
        let view = client_view(&lower(&load(GPT_OBJECT_STORE_YAML).unwrap()).unwrap());
        let responses = &view["paths"]["/v1/objects/{id}"]["get"]["responses"];
        let statuses: Vec<_> = responses.as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200", "4XX", "5XX"]);
        let problem = json!({"$ref": "#/components/schemas/Problem"});
        assert_eq!(
            responses["4XX"]["content"],
            json!({"application/json": {"schema": problem}})
        );
    }

    #[test]
    fn each_rule() {
        let mut rows = [
            (
                json!({"type": "string", "maxLength": 3, "pattern": "a", "format": "uuid"}),
                json!({"type": "string", "format": "uuid"}),
            ),
            (
                json!({"allOf": [{"$ref": "#/components/schemas/A"}], "description": "d", "default": 1}),
                json!({"$ref": "#/components/schemas/A"}),
            ),
            (
                json!({"type": "object", "properties": {}, "additionalProperties": true}),
                json!({"type": "object", "additionalProperties": true}),
            ),
            (
                json!({"properties": {"a": {"type": "object"}, "b": {"type": "object"}}, "required": ["b"]}),
                json!({"properties": {"a": {"type": "object", "nullable": true}, "b": {"type": "object"}}, "required": ["b"]}),
            ),
            (
                json!({"type": "object", "properties": {"a": {}}, "additionalProperties": true}),
                json!({"type": "object", "properties": {"a": {}}}),
            ),
        ];
        for (schema, expected) in &mut rows {
            adapt(Kind::Schema, schema.as_object_mut().unwrap());
            assert_eq!(schema, expected);
        }
    }

    #[test]
    fn a_header_replaces_its_twin() {
        let view = client_view(&lower(&load(GPT_OBJECT_STORE_YAML).unwrap()).unwrap());
        let parameters = view["paths"]["/v1/objects/{id}"]["delete"]["parameters"].as_array();
        let names: Vec<_> = parameters
            .unwrap()
            .iter()
            .map(|parameter| &parameter["name"])
            .collect();
        assert_eq!(names, ["id", "If-Match"]);
    }

    #[test]
    fn forms_are_left_out_and_bytes_are_streams() {
        let view = client_view(&lower(&load(GPT_OBJECT_STORE_YAML).unwrap()).unwrap());
        let body = |path: &str, method: &str| {
            let content = view["paths"][path][method]["requestBody"]["content"].as_object();
            content.map(|content| content.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(
            body("/v1/files", "post"),
            Some(vec!["application/json".to_owned()])
        );
        assert_eq!(view["paths"]["/v1/uploads/{upload_id}/parts"], json!({}));
        let schemas = view["components"]["schemas"].as_object().unwrap();
        assert!(schemas.contains_key("CreateFileRequest"));
        assert!(!schemas.contains_key("CreateFileForm") && !schemas.contains_key("UploadPartForm"));
        let responses = &view["paths"]["/v1/files/{file_id}/content"]["get"]["responses"];
        for status in ["200", "206"] {
            let content = responses[status]["content"].as_object().unwrap();
            assert_eq!(
                content.keys().collect::<Vec<_>>(),
                ["application/octet-stream"]
            );
        }
    }

    #[test]
    fn a_request_body_has_one_media_type() {
        let view = client_view(&lower(&load(GPT_OBJECT_STORE_YAML).unwrap()).unwrap());
        let content = &view["paths"]["/v1/objects/{id}"]["patch"]["requestBody"]["content"];
        let media_types: Vec<_> = content.as_object().unwrap().keys().collect();
        assert_eq!(media_types, ["application/json"]);
    }
}
