//! One form for two documents that say the same.
//!
//! poem-openapi cannot say everything that a document says, and says some things in other words.
//! What remains after these rules and still differs is drift:
//!
//! - the version, extensions, examples beside schemas, and unused components are left out;
//! - `additionalProperties` as a boolean is left out: the service has no word for `false`
//!   (a contract test must hold it), and `true` is what is meant anyway;
//! - values that only state a default (`deprecated: false`, `explode: true`, …) are left out;
//! - the global `security` is copied to the operations that state none;
//! - parameters and tags are keyed by name, since their order means nothing;
//! - numbers that are equal are written alike, and texts lose the blanks at their ends.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value, json};

use crate::structure::{Kind, METHODS, Node, transform, walk_node};

/// A document of OpenAPI 3.0 in the form that [`crate::diff`] compares.
///
/// The result is no OpenAPI document any more: lists without an order are maps in it.
#[must_use]
pub fn normalize(document: &Value) -> Value {
    let mut document = document.clone();
    copy_global_security(&mut document);
    let simplified: Result<(), std::convert::Infallible> = transform(
        &mut document,
        Kind::Document,
        "",
        &mut |kind, value, _at| {
            simplify(kind, value);
            Ok(())
        },
    );
    let Ok(()) = simplified;
    drop_unused_components(&mut document);
    numbers_alike(&mut document);
    document
}

fn copy_global_security(document: &mut Value) {
    let global = document
        .get("security")
        .cloned()
        .unwrap_or_else(|| json!([]));
    let items = document.get_mut("paths").and_then(Value::as_object_mut);
    for (_, item) in items.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let (true, Value::Object(operation)) =
                (METHODS.contains(&method.as_str()), operation)
            {
                operation
                    .entry("security")
                    .or_insert_with(|| global.clone());
            }
        }
    }
}

fn simplify(kind: Kind, value: &mut Value) {
    let Value::Object(members) = value else {
        return;
    };
    members.retain(|key, value| !key.starts_with("x-") && !says_nothing(key, value));
    for key in ["description", "summary"] {
        if let Some(Value::String(text)) = members.get_mut(key) {
            text.truncate(text.trim_end().len());
        }
    }
    match kind {
        Kind::Document => {
            drop_members(members, &["openapi", "security"]);
            key_by(members, "tags", |tag| text(tag, "name"));
        }
        Kind::Operation => {
            key_by(members, "parameters", |parameter| {
                format!("{} {}", text(parameter, "in"), text(parameter, "name"))
            });
            if members.get("security") == Some(&json!([])) {
                drop_members(members, &["security"]);
            }
        }
        Kind::Parameter | Kind::MediaType | Kind::Header => {
            drop_members(members, &["example", "examples"]);
        }
        Kind::Schema
            if members
                .get("additionalProperties")
                .is_some_and(is_open_or_closed) =>
        {
            drop_members(members, &["additionalProperties"]);
        }
        _ => {}
    }
}

fn is_open_or_closed(additional: &Value) -> bool {
    additional.is_boolean() || *additional == json!({})
}

/// Whether the member only states what holds without it.
fn says_nothing(key: &str, value: &Value) -> bool {
    match (key, value) {
        (
            "deprecated" | "required" | "nullable" | "readOnly" | "writeOnly" | "uniqueItems"
            | "exclusiveMinimum" | "exclusiveMaximum",
            Value::Bool(stated),
        ) => !stated,
        ("explode", Value::Bool(stated)) => *stated,
        ("description", Value::String(text)) => text.is_empty(),
        ("required" | "tags" | "servers", Value::Array(list)) => list.is_empty(),
        ("properties" | "content", Value::Object(map)) => map.is_empty(),
        _ => false,
    }
}

fn drop_members(members: &mut Map<String, Value>, keys: &[&str]) {
    members.retain(|key, _| !keys.contains(&key.as_str()));
}

fn key_by(members: &mut Map<String, Value>, list: &str, name: impl Fn(&Value) -> String) {
    let Some(value) = members.get_mut(list) else {
        return;
    };
    if let Value::Array(elements) = value
        && elements.iter().all(Value::is_object)
    {
        let keyed = elements.drain(..).map(|element| (name(&element), element));
        *value = Value::Object(keyed.collect());
    }
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Keeps the schemas that operations reach, and the security schemes that they require.
fn drop_unused_components(document: &mut Value) {
    let mut used = BTreeSet::new();
    collect_references(document.get("paths").unwrap_or(&Value::Null), &mut used);
    let mut open: Vec<_> = used.iter().cloned().collect();
    while let Some(target) = open.pop() {
        let mut found = BTreeSet::new();
        if let Some(schema) = document.pointer(&target[1..]) {
            collect_references(schema, &mut found);
        }
        open.extend(
            found
                .into_iter()
                .filter(|target| used.insert(target.clone())),
        );
    }
    let schemes = security_schemes(document);
    let Some(Value::Object(components)) = document.get_mut("components") else {
        return;
    };
    components.retain(|section, _| ["schemas", "securitySchemes"].contains(&section.as_str()));
    if let Some(Value::Object(schemas)) = components.get_mut("schemas") {
        schemas.retain(|name, _| used.contains(&format!("#/components/schemas/{name}")));
        for (name, schema) in schemas.iter_mut() {
            drop_own_title(name, schema);
        }
    }
    if let Some(Value::Object(all)) = components.get_mut("securitySchemes") {
        all.retain(|name, _| schemes.contains(name));
    }
}

/// A title that repeats the component's name says nothing.
fn drop_own_title(name: &str, schema: &mut Value) {
    if schema.get("title").and_then(Value::as_str) == Some(name)
        && let Value::Object(members) = schema
    {
        drop_members(members, &["title"]);
    }
}

fn collect_references(value: &Value, targets: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                targets.insert(target.clone());
            }
            members
                .values()
                .for_each(|value| collect_references(value, targets));
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| collect_references(value, targets)),
        _ => {}
    }
}

fn security_schemes(document: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let root = Node {
        kind: Kind::Document,
        value: document,
        pointer: String::new(),
    };
    walk_node(root, &mut |node| {
        let security = node.value.get("security").and_then(Value::as_array);
        let requirements = security.into_iter().flatten().filter_map(Value::as_object);
        names.extend(requirements.flat_map(|requirement| requirement.keys().cloned()));
    });
    names
}

/// Writes `200.0` as `200`: the service keeps bounds as floating-point numbers.
fn numbers_alike(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or_default();
            if float.fract() == 0.0 && float.abs() < 9e15 {
                *number = Number::from(float as i64);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(numbers_alike),
        Value::Object(members) => members.values_mut().for_each(numbers_alike),
        _ => {}
    }
}
