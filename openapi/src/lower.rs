//! OpenAPI 3.1 to 3.0.3, strictly: what has no 3.0.3 form is an error, never dropped in silence.
//!
//! | 3.1 | 3.0.3 |
//! |---|---|
//! | `type: [T, "null"]` | `type: T`, `nullable: true` (an enum gets null) |
//! | `anyOf`/`oneOf` with `type: "null"` | `nullable: true`; one branch left: `allOf` or inline |
//! | `const: v` | `enum: [v]`, and the type of v |
//! | `examples: [v, …]` in a schema | `example: v` |
//! | `exclusiveMinimum: n` | `minimum: n`, `exclusiveMinimum: true` |
//! | `$ref` with neighbours | `allOf: [$ref]` with neighbours |
//! | summary or description beside a `$ref` elsewhere | dropped |
//! | `contentMediaType: application/octet-stream`, `contentEncoding: base64` | `format: binary`, `byte` |
//! | boolean schemas | `{}`, `{not: {}}` |
//! | `webhooks`, `jsonSchemaDialect`, `info.summary`, `license.identifier`, `components.pathItems`, `$comment` | dropped |

use serde_json::{Map, Value, json};

use crate::structure::{Kind, Node, transform, walk};
use crate::{Document, pointer};

/// A construct that has no form in OpenAPI 3.0.3.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct LowerError {
    /// JSON pointer to the place.
    pub pointer: String,
    /// A sentence that says what to change.
    pub message: String,
}

/// The document in OpenAPI 3.0.3.
///
/// # Errors
///
/// A construct that 3.0.3 cannot say; see the table above.
pub fn lower(document: &Document) -> Result<Value, LowerError> {
    let mut lowered = document.value().clone();
    transform(&mut lowered, Kind::Document, "", &mut lower_object)?;
    refuse_null_types(&lowered)?;
    Ok(lowered)
}

type Result0 = Result<(), LowerError>;

fn error<T>(at: &str, message: impl Into<String>) -> Result<T, LowerError> {
    Err(LowerError {
        pointer: at.to_owned(),
        message: message.into(),
    })
}

fn lower_object(kind: Kind, value: &mut Value, at: &str) -> Result0 {
    if kind == Kind::Schema {
        return lower_schema(value, at);
    }
    let Value::Object(members) = value else {
        return Ok(());
    };
    if members.contains_key("$ref") {
        members.retain(|key, _| key == "$ref");
        return Ok(());
    }
    match kind {
        Kind::Document => {
            members.insert("openapi".into(), json!("3.0.3"));
            remove(members, &["webhooks", "jsonSchemaDialect"]);
        }
        Kind::Info => remove(members, &["summary"]),
        Kind::License => remove(members, &["identifier"]),
        Kind::Components => remove(members, &["pathItems"]),
        Kind::Operation if !members.contains_key("responses") => {
            return error(at, "OpenAPI 3.0.3 needs `responses`: declare at least one");
        }
        Kind::SecurityScheme if members.get("type") == Some(&json!("mutualTLS")) => {
            return error(at, "OpenAPI 3.0.3 has no `mutualTLS`: use another scheme");
        }
        _ => {}
    }
    Ok(())
}

fn remove(members: &mut Map<String, Value>, keys: &[&str]) {
    members.retain(|key, _| !keys.contains(&key.as_str()));
}

fn lower_schema(value: &mut Value, at: &str) -> Result0 {
    let members = match value {
        Value::Bool(true) => {
            *value = json!({});
            return Ok(());
        }
        Value::Bool(false) => {
            *value = json!({"not": {}});
            return Ok(());
        }
        Value::Object(members) => members,
        _ => return error(at, "a schema must be an object or a boolean"),
    };
    if at.ends_with("/additionalProperties") && members.get("not") == Some(&json!({})) {
        return Ok(());
    }
    remove(members, &["$comment"]);
    restore_closed_objects(members);
    lower_const(members);
    lower_types(members, at)?;
    lower_unions(members, at)?;
    lower_examples(members, at)?;
    lower_bound(members, at, "minimum", "exclusiveMinimum")?;
    lower_bound(members, at, "maximum", "exclusiveMaximum")?;
    lower_content(members, at)?;
    lower_reference(members);
    Ok(())
}

/// `additionalProperties` may be a boolean in 3.0.3 too; children are lowered first, so undo it.
fn restore_closed_objects(members: &mut Map<String, Value>) {
    if let Some(additional) = members.get_mut("additionalProperties") {
        if *additional == json!({"not": {}}) {
            *additional = json!(false);
        } else if *additional == json!({}) {
            *additional = json!(true);
        }
    }
}

fn lower_const(members: &mut Map<String, Value>) {
    let Some(constant) = members.shift_remove("const") else {
        return;
    };
    let ty = match &constant {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        _ => "object",
    };
    members.entry("type").or_insert_with(|| json!(ty));
    members.insert("enum".into(), json!([constant]));
}

fn lower_types(members: &mut Map<String, Value>, at: &str) -> Result0 {
    let Some(Value::Array(types)) = members.get("type") else {
        return Ok(());
    };
    let nullable = types.contains(&json!("null"));
    let others: Vec<_> = types
        .iter()
        .filter(|ty| **ty != json!("null"))
        .cloned()
        .collect();
    let [only] = others.as_slice() else {
        return error(
            &pointer::child(at, "type"),
            "OpenAPI 3.0.3 knows one type, and null: use `type: [T, \"null\"]` or `anyOf`",
        );
    };
    members.insert("type".into(), only.clone());
    if nullable {
        make_nullable(members);
    }
    Ok(())
}

fn make_nullable(members: &mut Map<String, Value>) {
    members.insert("nullable".into(), json!(true));
    if let Some(Value::Array(values)) = members.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}

fn lower_unions(members: &mut Map<String, Value>, at: &str) -> Result0 {
    for key in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = members.get_mut(key) else {
            continue;
        };
        let before = branches.len();
        branches.retain(|branch| *branch != json!({"type": "null"}));
        if branches.len() == before {
            continue;
        }
        if branches.len() == 1 {
            let only = branches.remove(0);
            members.shift_remove(key);
            inline_branch(members, only, at)?;
        }
        make_nullable(members);
    }
    Ok(())
}

/// Puts the one branch that is left of a union beside the union's own keywords.
fn inline_branch(members: &mut Map<String, Value>, branch: Value, at: &str) -> Result0 {
    if branch.get("$ref").is_some() {
        members.insert("allOf".into(), json!([branch]));
        return Ok(());
    }
    let Value::Object(branch) = branch else {
        return error(at, "a branch must be a schema");
    };
    for (key, value) in branch {
        if members.contains_key(&key) {
            return error(
                at,
                format!("`{key}` stands both beside and in the union: keep one"),
            );
        }
        members.insert(key, value);
    }
    Ok(())
}

fn lower_examples(members: &mut Map<String, Value>, at: &str) -> Result0 {
    match members.shift_remove("examples") {
        None => Ok(()),
        Some(Value::Array(examples)) => {
            if let Some(first) = examples.into_iter().next() {
                members.insert("example".into(), first);
            }
            Ok(())
        }
        Some(_) => error(
            &pointer::child(at, "examples"),
            "must be a list in a schema",
        ),
    }
}

fn lower_bound(
    members: &mut Map<String, Value>,
    at: &str,
    bound: &str,
    exclusive: &str,
) -> Result0 {
    match members.get(exclusive) {
        None => Ok(()),
        Some(_) if members.contains_key(bound) => error(
            at,
            format!("OpenAPI 3.0.3 cannot say both `{bound}` and `{exclusive}`: keep one"),
        ),
        Some(Value::Number(number)) => {
            let number = number.clone();
            members.insert(bound.into(), Value::Number(number));
            members.insert(exclusive.into(), json!(true));
            Ok(())
        }
        Some(_) => error(
            &pointer::child(at, exclusive),
            "must be a number in OpenAPI 3.1",
        ),
    }
}

fn lower_content(members: &mut Map<String, Value>, at: &str) -> Result0 {
    let media_type = members.shift_remove("contentMediaType");
    let encoding = members.shift_remove("contentEncoding");
    let format = match (
        media_type.as_ref().and_then(Value::as_str),
        encoding.as_ref(),
    ) {
        (None, None) => return Ok(()),
        (Some("application/octet-stream"), None) => "binary",
        (_, Some(encoding)) if *encoding == json!("base64") => "byte",
        _ => {
            return error(
                at,
                "only `contentMediaType: application/octet-stream` and `contentEncoding: base64` have a 3.0.3 form",
            );
        }
    };
    members.insert("format".into(), json!(format));
    Ok(())
}

fn lower_reference(members: &mut Map<String, Value>) {
    if members.len() > 1
        && let Some(target) = members.shift_remove("$ref")
    {
        members.shift_insert(0, "allOf".into(), json!([{"$ref": target}]));
    }
}

/// `type: "null"` is dropped from unions; anywhere else it has no 3.0.3 form.
fn refuse_null_types(lowered: &Value) -> Result0 {
    let mut result = Ok(());
    walk(lowered, &mut |node: &Node<'_>| {
        let is_null = node.value.get("type") == Some(&json!("null"));
        if node.kind == Kind::Schema && is_null && result.is_ok() {
            let message = "OpenAPI 3.0.3 has no type null: use `type: [T, \"null\"]`";
            result = error(&node.pointer, message);
        }
    });
    result
}

#[cfg(test)]
mod tests;
