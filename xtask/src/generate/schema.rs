//! What a schema of the lowered document becomes in Rust.

use anyhow::{Result, bail};
use proc_macro2::TokenStream;
use quote::quote;
use serde_json::{Map, Value};

use super::names::pascal;

/// The component schemas, by name.
pub struct Schemas<'a>(&'a Map<String, Value>);

/// What a schema becomes.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    /// A component with this name.
    Component(&'a str),
    /// `String`.
    Text,
    /// `uuid::Uuid`.
    Uuid,
    /// `crate::clock::Timestamp`.
    Timestamp,
    /// `i32`.
    Int32,
    /// `i64`.
    Int64,
    /// `f64`.
    Float,
    /// `bool`.
    Bool,
    /// An enum with these values.
    Enum(&'a [Value]),
    /// `Vec` of this schema.
    List(&'a Value),
    /// Any JSON, or any JSON object: the text as it came.
    Raw,
    /// `BTreeMap<String, _>` of this schema.
    Map(&'a Value),
    /// A struct with these properties.
    Struct(&'a Map<String, Value>),
}

impl<'a> Schemas<'a> {
    /// The component schemas of a lowered document.
    pub fn of(document: &'a Value) -> Result<Self> {
        match document
            .pointer("/components/schemas")
            .and_then(Value::as_object)
        {
            Some(schemas) => Ok(Self(schemas)),
            None => bail!("/components/schemas: define the schemas of the bodies here"),
        }
    }

    /// Every component with its name, in the document's order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.0.iter().map(|(name, schema)| (name.as_str(), schema))
    }

    /// The component `name`.
    pub fn get(&self, name: &str) -> Result<&'a Value> {
        match self.0.get(name) {
            Some(schema) => Ok(schema),
            None => bail!("/components/schemas: `{name}` is not defined"),
        }
    }

    /// The Rust type of a schema; `enums` names the type of an enum that stands in place.
    pub fn rust_type(
        &self,
        schema: &'a Value,
        enums: &dyn Fn() -> Result<TokenStream>,
    ) -> Result<TokenStream> {
        Ok(match shape(schema)? {
            Shape::Component(name) => {
                let name = pascal(name);
                quote!(types::#name)
            }
            Shape::Text => quote!(String),
            Shape::Uuid => quote!(uuid::Uuid),
            Shape::Timestamp => quote!(crate::clock::Timestamp),
            Shape::Int32 => quote!(i32),
            Shape::Int64 => quote!(i64),
            Shape::Float => quote!(f64),
            Shape::Bool => quote!(bool),
            Shape::Enum(_) => enums()?,
            Shape::List(items) => {
                let items = self.rust_type(items, enums)?;
                quote!(Vec<#items>)
            }
            Shape::Raw => quote!(wire::RawJson),
            Shape::Map(values) => {
                let values = self.rust_type(values, enums)?;
                quote!(std::collections::BTreeMap<String, #values>)
            }
            Shape::Struct(_) => {
                bail!("an object with properties must be a component of its own: {schema}")
            }
        })
    }

    /// The components that `schema` names directly.
    pub fn references(schema: &'a Value) -> Vec<&'a str> {
        let mut names = Vec::new();
        collect_references(schema, &mut names);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// `names` and every component that they need.
    pub fn closure(&self, names: Vec<&'a str>) -> Result<Vec<&'a str>> {
        let mut known = Vec::new();
        let mut open = names;
        while let Some(name) = open.pop() {
            if !known.contains(&name) {
                known.push(name);
                open.extend(Self::references(self.get(name)?));
            }
        }
        Ok(known)
    }
}

fn collect_references<'a>(value: &'a Value, names: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("$ref", Value::String(target)) => names.extend(component_name(target)),
                    ("example" | "default" | "enum", _) => {}
                    _ => collect_references(value, names),
                }
            }
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| collect_references(value, names)),
        _ => {}
    }
}

fn component_name(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/components/schemas/")
}

/// The component that a schema is, when it is a reference, with or without annotations.
pub fn reference(schema: &Value) -> Option<&str> {
    let target = match schema
        .get("allOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        Some([only]) => only.get("$ref"),
        _ => schema.get("$ref"),
    };
    target.and_then(Value::as_str).and_then(component_name)
}

/// What `schema` becomes.
pub fn shape(schema: &Value) -> Result<Shape<'_>> {
    if let Some(name) = reference(schema) {
        return Ok(Shape::Component(name));
    }
    for key in ["allOf", "anyOf", "oneOf", "not"] {
        if schema.get(key).is_some() {
            bail!(
                "the server generator does not make `{key}`: use one object with optional properties: {schema}"
            );
        }
    }
    let text = |key| schema.get(key).and_then(Value::as_str);
    let values = schema.get("enum").and_then(Value::as_array);
    Ok(match (text("type"), text("format"), values) {
        (Some("string"), _, Some(values)) => Shape::Enum(values),
        (_, _, Some(_)) => bail!("only enums of strings are made: {schema}"),
        (Some("string"), Some("uuid"), _) => Shape::Uuid,
        (Some("string"), Some("date-time"), _) => Shape::Timestamp,
        (Some("string"), Some("binary" | "byte"), _) => {
            bail!("the server generator does not make binary bodies yet: {schema}")
        }
        (Some("string"), _, _) => Shape::Text,
        (Some("integer"), Some("int32"), _) => Shape::Int32,
        (Some("integer"), _, _) => Shape::Int64,
        (Some("number"), _, _) => Shape::Float,
        (Some("boolean"), _, _) => Shape::Bool,
        (Some("array"), _, _) => match schema.get("items") {
            Some(items) => Shape::List(items),
            None => bail!("an array needs `items`: {schema}"),
        },
        (Some("object"), _, _) => object_shape(schema),
        (None, _, _) => Shape::Raw,
        (Some(other), _, _) => bail!("`type: {other}` is unknown: {schema}"),
    })
}

fn object_shape(schema: &Value) -> Shape<'_> {
    let properties = schema.get("properties").and_then(Value::as_object);
    match (
        properties.filter(|properties| !properties.is_empty()),
        schema.get("additionalProperties"),
    ) {
        (Some(properties), _) => Shape::Struct(properties),
        (None, Some(values)) if is_schema(values) => Shape::Map(values),
        (None, _) => Shape::Raw,
    }
}

fn is_schema(value: &Value) -> bool {
    value.as_object().is_some_and(|members| !members.is_empty())
}

/// Whether the schema lets null through.
pub fn is_nullable(schema: &Value) -> bool {
    schema
        .get("nullable")
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// The `required` names of an object schema.
pub fn required(schema: &Value) -> Vec<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The string values of an enum, null left out.
pub fn enum_texts(values: &[Value]) -> Result<Vec<&str>> {
    let present = values.iter().filter(|value| !value.is_null());
    present
        .map(|value| match value.as_str() {
            Some(text) => Ok(text),
            None => bail!("an enum of strings has the value {value}"),
        })
        .collect()
}
