//! Rules of schemas.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::streams::is_binary;
use super::{Linter, elements, members, text};
use crate::structure::{Node, walk};
use crate::{Kind, pointer};

impl<'a> Linter<'a> {
    pub(super) fn schemas(&mut self) {
        let root = self.root;
        let mut schemas = Vec::new();
        walk(root, &mut |node| {
            if node.kind == Kind::Schema {
                schemas.push(node.clone());
            }
        });
        for Node { value, pointer, .. } in &schemas {
            self.types(value, pointer);
            self.unions(value, pointer);
            self.components_only(value, pointer);
            self.enumeration(value, pointer);
            self.binary(value, pointer);
            if has_type(value, "object") {
                self.object(value, pointer);
            }
        }
        for name in self.in_requests() {
            let at = pointer::child("/components/schemas", name);
            if let Some(schema) = root.pointer(&at) {
                self.closed(schema, &at);
            }
        }
    }

    fn types(&mut self, schema: &Value, at: &str) {
        let types = elements(schema, "type")
            .filter(|ty| **ty != json!("null"))
            .count();
        self.expect(
            types <= 1,
            &pointer::child(at, "type"),
            "must be one type, or one and \"null\": the generators cannot make more of it",
        );
        let format = text(schema, "format");
        self.expect(
            !has_type(schema, "integer") || ["int32", "int64"].contains(&format),
            &pointer::child(at, "format"),
            "an integer must say int32 or int64",
        );
        self.expect(
            !has_type(schema, "array") || schema.get("items").is_some(),
            at,
            "an array must say what its `items` are",
        );
    }

    fn unions(&mut self, schema: &'a Value, at: &str) {
        for key in ["allOf", "anyOf", "oneOf", "not"] {
            let Some(value) = schema.get(key) else {
                continue;
            };
            let branches = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let is_nullable_reference = matches!(
                branches,
                [one, null] if one.get("$ref").is_some() && *null == json!({"type": "null"})
            );
            self.expect(
                is_nullable_reference && key != "allOf",
                &pointer::child(at, key),
                "use one object with optional properties and an enum: GPT Actions skip unions, and \
                 the server generator makes none",
            );
        }
    }

    /// Objects with properties and enums need a name of their own to become Rust types.
    fn components_only(&mut self, schema: &'a Value, at: &str) {
        let is_component = at.matches('/').count() == 3 && at.starts_with("/components/schemas/");
        let has_properties = members(schema, "properties").next().is_some();
        let has_enum = schema.get("enum").is_some() || schema.get("const").is_some();
        self.expect(
            is_component || !(has_properties || has_enum),
            at,
            "make it a component in /components/schemas and refer to it: it needs a name",
        );
        let is_named_type = has_properties || has_enum || is_free_form(schema);
        self.expect(
            !is_component || is_named_type,
            at,
            "only objects and enums are components: write this where it is used",
        );
    }

    fn enumeration(&mut self, schema: &Value, at: &str) {
        let values: Vec<_> = elements(schema, "enum")
            .filter(|value| !value.is_null())
            .collect();
        let texts: BTreeSet<_> = values.iter().filter_map(|value| value.as_str()).collect();
        self.expect(
            texts.len() == values.len() && !texts.contains(""),
            &pointer::child(at, "enum"),
            "must list different texts that are not empty",
        );
    }

    fn binary(&mut self, schema: &Value, at: &str) {
        self.expect(
            schema.get("contentMediaType").is_none() || is_binary(schema),
            at,
            "a binary body must be exactly `type: string` and `contentMediaType: \
             application/octet-stream`, or the client does not stream it; a form's file is \
             described besides",
        );
    }

    fn object(&mut self, schema: &'a Value, at: &str) {
        self.expect(
            schema.get("properties").is_some_and(Value::is_object),
            at,
            "must have `properties`, and may have `properties: {}`: the importer of GPT Actions \
             says `object schema missing properties`",
        );
        for name in elements(schema, "required").filter_map(Value::as_str) {
            self.expect(
                members(schema, "properties").any(|(property, _)| property == name),
                &pointer::child(at, "required"),
                format!("`{name}` is required but is no property: define it"),
            );
        }
        for (name, property) in members(schema, "properties") {
            let is_described =
                property.get("$ref").is_some() || !text(property, "description").is_empty();
            self.expect(
                is_described,
                &pointer::child(&pointer::child(at, "properties"), name),
                "describe the property: a GPT fills it in, or reads it, by that",
            );
        }
    }

    /// `x-bare-array` names the one required property, a list, that may come without its object.
    fn bare_array(&mut self, schema: &'a Value, at: &str) {
        let Some(name) = schema.get("x-bare-array") else {
            return;
        };
        let property = schema
            .get("properties")
            .and_then(|properties| properties.get(name.as_str()?));
        self.expect(
            property.is_some_and(|property| has_type(property, "array"))
                && schema.get("required") == Some(&json!([name])),
            &pointer::child(at, "x-bare-array"),
            "must name a property of type array, which must be the only required one",
        );
    }

    /// The components that request bodies are made of.
    fn in_requests(&self) -> BTreeSet<&'a str> {
        let mut open = Vec::new();
        walk(self.root, &mut |node| {
            if node.kind == Kind::RequestBody {
                open.extend(self.references(node.value, Kind::RequestBody));
            }
        });
        let mut known = BTreeSet::new();
        while let Some((name, schema)) = open.pop() {
            if known.insert(name) {
                open.extend(self.references(schema, Kind::Schema));
            }
        }
        known
    }

    fn references(&self, value: &'a Value, kind: Kind) -> Vec<(&'a str, &'a Value)> {
        let mut found = Vec::new();
        let start = Node {
            kind,
            value,
            pointer: String::new(),
        };
        crate::structure::walk_node(start, &mut |node| {
            if node.kind == Kind::Schema {
                found.extend(self.component(node.value));
            }
        });
        found
    }

    fn closed(&mut self, schema: &'a Value, at: &str) {
        self.bare_array(schema, at);
        let additional = schema.get("additionalProperties");
        if !has_type(schema, "object") {
            return;
        }
        self.expect(
            additional == Some(&json!(false)),
            at,
            "an object in a request must say `additionalProperties: false`, so that a misspelt \
             name is refused and not ignored",
        );
        for (name, property) in members(schema, "properties") {
            self.expect(
                !has_type(property, "object") || is_free_form(property),
                &pointer::child(&pointer::child(at, "properties"), name),
                "a free-form object must say `properties: {}` and `additionalProperties: true`: \
                 GPT Actions strip undeclared keys from anything else",
            );
        }
    }
}

/// Whether it is an object of any members, said so that GPT Actions let them through.
fn is_free_form(schema: &Value) -> bool {
    schema.get("properties") == Some(&json!({}))
        && schema.get("additionalProperties") == Some(&json!(true))
}

fn has_type(schema: &Value, ty: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == ty,
        Some(Value::Array(types)) => types.contains(&json!(ty)),
        _ => false,
    }
}
