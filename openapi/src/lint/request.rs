//! Rules of parameters and request bodies.

use std::collections::BTreeSet;

use serde_json::Value;

use super::streams::{is_binary, is_streamed};
use super::{Linter, elements, members, text};
use crate::{Operation, pointer};

/// The importer's limit for a parameter's description, in characters.
const MAX_DESCRIPTION: usize = 700;
/// Header parameters of these names mean nothing (OpenAPI 3.1, 4.8.12.2.1).
const IGNORED_HEADERS: [&str; 3] = ["accept", "content-type", "authorization"];

impl<'a> Linter<'a> {
    pub(super) fn parameters(&mut self, operation: &Operation, value: &'a Value, at: &str) {
        let mut names = BTreeSet::new();
        let at = pointer::child(at, "parameters");
        for (index, parameter) in elements(value, "parameters").enumerate() {
            let at = pointer::element(&at, index);
            if parameter.get("$ref").is_some() {
                self.report(
                    &at,
                    "write the parameter here: the importer of GPT Actions does not resolve \
                     references to parameters, and skips the operation",
                );
                continue;
            }
            let name = (text(parameter, "in"), text(parameter, "name"));
            self.expect(
                names.insert(name),
                &at,
                format!(
                    "the {} parameter `{}` stands here twice: remove one",
                    name.0, name.1
                ),
            );
            self.parameter(parameter, &at);
            self.parameter_schema(parameter, &at);
            self.place(operation, value, parameter, &at);
        }
        let is_declared = |segment: &&str| names.contains(&("path", *segment));
        for segment in template_names(&operation.path).filter(|segment| !is_declared(segment)) {
            self.report(&at, format!("declare the path parameter `{segment}`"));
        }
    }

    fn parameter(&mut self, parameter: &'a Value, at: &str) {
        self.expect(
            !text(parameter, "name").is_empty(),
            at,
            "give the parameter a name: the importer of GPT Actions skips it otherwise",
        );
        let length = text(parameter, "description").trim().chars().count();
        let description = pointer::child(at, "description");
        self.expect(
            length > 0,
            &description,
            "write a description: a GPT fills it in by it",
        );
        self.expect(
            length <= MAX_DESCRIPTION,
            &description,
            format!(
                "has {length} characters, and the importer of GPT Actions takes at most \
                 {MAX_DESCRIPTION}: shorten it"
            ),
        );
        for key in ["style", "explode", "allowEmptyValue"] {
            self.expect(
                parameter.get(key).is_none(),
                &pointer::child(at, key),
                "remove it: neither GPT Actions nor the client do anything but the default",
            );
        }
    }

    fn parameter_schema(&mut self, parameter: &'a Value, at: &str) {
        let at = pointer::child(at, "schema");
        let Some(schema) = parameter.get("schema") else {
            self.report(&at, "give the parameter a schema");
            return;
        };
        let resolved = self.component(schema).map_or(schema, |(_, schema)| schema);
        self.expect(
            ["string", "integer", "number", "boolean"].contains(&text(resolved, "type")),
            &at,
            "must be one string, number or boolean: GPT Actions send arrays as text, so take a \
             string with commas",
        );
    }

    fn place(&mut self, operation: &Operation, value: &'a Value, parameter: &'a Value, at: &str) {
        let name = text(parameter, "name");
        match text(parameter, "in") {
            "query" => {}
            "path" => {
                let is_required = parameter.get("required") == Some(&Value::Bool(true));
                self.expect(
                    is_required,
                    at,
                    "a path parameter must say `required: true`",
                );
                self.expect(
                    template_names(&operation.path).any(|segment| segment == name),
                    at,
                    format!("the path {} has no segment {{{name}}}", operation.path),
                );
            }
            "header" => self.header(value, parameter, name, at),
            _ => self.report(
                &pointer::child(at, "in"),
                "must be path, query or header: nobody sends cookies here",
            ),
        }
    }

    fn header(&mut self, operation: &'a Value, parameter: &'a Value, name: &str, at: &str) {
        self.expect(
            !IGNORED_HEADERS.contains(&name.to_ascii_lowercase().as_str()),
            at,
            "OpenAPI ignores a header parameter of this name: describe it by media types or \
             security instead",
        );
        let twin = text(parameter, "x-twin");
        let in_query = elements(operation, "parameters")
            .any(|other| (text(other, "in"), text(other, "name")) == ("query", twin));
        let in_body = self
            .body_component(operation)
            .is_some_and(|body| members(body, "properties").any(|(name, _)| name == twin));
        self.expect(
            !twin.is_empty() && (in_query || in_body),
            &pointer::child(at, "x-twin"),
            "name the query parameter or the body's property that does the same: a GPT cannot \
             send headers",
        );
    }

    /// The component that the request body is.
    fn body_component(&self, operation: &'a Value) -> Option<&'a Value> {
        let content = operation.get("requestBody")?.get("content")?.as_object()?;
        let schema = content.values().next()?.get("schema")?;
        self.component(schema).map(|(_, component)| component)
    }

    pub(super) fn request_body(&mut self, operation: &Operation, value: &'a Value, at: &str) {
        let Some(body) = value.get("requestBody") else {
            return;
        };
        let at = pointer::child(at, "requestBody");
        self.expect(
            !["get", "delete"].contains(&operation.method),
            &at,
            "GPT Actions send no body with this method: use query parameters",
        );
        self.expect(
            body.get("required") == Some(&Value::Bool(true)),
            &at,
            "must say `required: true`: the client always sends it",
        );
        let content = pointer::child(&at, "content");
        let media_types: Vec<_> = members(body, "content").map(|(name, _)| name).collect();
        let streamed = media_types.iter().filter(|name| is_streamed(name)).count();
        let json = media_types.len() - streamed;
        self.expect(
            streamed <= 1
                && (json == 0 || media_types.contains(&"application/json"))
                && media_types.iter().all(|name| {
                    is_streamed(name)
                        || ["application/json", "application/merge-patch+json"].contains(name)
                }),
            &content,
            "must be application/json, and may be application/merge-patch+json, and one of \
             multipart/form-data, application/octet-stream and application/x-ndjson too: GPT \
             Actions send JSON only",
        );
        self.body_schemas(body, &content);
    }

    fn body_schemas(&mut self, body: &'a Value, at: &str) {
        let mut names = BTreeSet::new();
        for (media_type, media) in members(body, "content") {
            let at = pointer::child(&pointer::child(at, media_type), "schema");
            if is_streamed(media_type) {
                let schema = media.get("schema").unwrap_or(&Value::Null);
                self.streamed_body(media_type, schema, &at);
                continue;
            }
            match media
                .get("schema")
                .and_then(|schema| self.component(schema))
            {
                None => self.report(&at, "must be a `$ref` to a component schema"),
                Some((name, schema)) => {
                    names.insert(name);
                    self.expect(
                        text(schema, "type") == "object"
                            && members(schema, "properties").next().is_some(),
                        &pointer::child("/components/schemas", name),
                        "a request body must be one object with properties, without oneOf, anyOf \
                         or allOf: the importer of GPT Actions skips anything else",
                    );
                    self.expect(
                        !members(schema, "properties").any(|(_, property)| is_binary(property)),
                        &at,
                        "JSON has no bytes: take text in base64, or multipart/form-data",
                    );
                }
            }
        }
        self.expect(
            names.len() <= 1,
            at,
            "all media types of JSON must have the same schema",
        );
    }
}

fn template_names(path: &str) -> impl Iterator<Item = &str> {
    let inner = |segment: &'_ str| -> Option<(usize, usize)> {
        (segment.starts_with('{') && segment.ends_with('}')).then(|| (1, segment.len() - 1))
    };
    path.split('/')
        .filter_map(move |segment| inner(segment).map(|(from, to)| &segment[from..to]))
}
