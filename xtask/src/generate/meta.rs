//! `MetaSchema` literals: what the running service reports of a schema.

use anyhow::{Result, bail};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

use super::schema::reference;

/// A `MetaSchemaRef` expression for `schema`.
pub fn schema_ref(schema: &Value) -> Result<TokenStream> {
    let is_bare = schema.as_object().is_some_and(|members| members.len() == 1);
    match reference(schema) {
        Some(name) if is_bare && schema.get("$ref").is_some() => {
            Ok(quote!(MetaSchemaRef::Reference(#name.to_owned())))
        }
        _ => {
            let literal = literal(schema)?;
            Ok(quote!(MetaSchemaRef::Inline(Box::new(#literal))))
        }
    }
}

/// A `MetaSchema` expression for `schema`.
pub fn literal(schema: &Value) -> Result<TokenStream> {
    let Value::Object(members) = schema else {
        bail!("a schema must be an object: {schema}")
    };
    let mut fields = Vec::new();
    for (key, value) in members {
        if let Some(field) = field(key, value)? {
            fields.push(field);
        }
    }
    Ok(quote!(MetaSchema { #(#fields,)* ..MetaSchema::ANY }))
}

fn field(key: &str, value: &Value) -> Result<Option<TokenStream>> {
    let name = format_ident!("{}", snake(key));
    Ok(Some(match key {
        "type" => {
            let ty = value.as_str();
            quote!(ty: #ty)
        }
        "format" | "description" => {
            let text = value.as_str().unwrap_or_default().trim_end();
            quote!(#name: Some(#text))
        }
        "title" | "pattern" => {
            let text = value.as_str();
            quote!(#name: Some(#text.to_owned()))
        }
        "default" | "example" => {
            let json = value.to_string();
            quote!(#name: Some(wire::literal(#json)))
        }
        "enum" => {
            let items = values(value).map(ToString::to_string);
            quote!(enum_items: Vec::from([#(wire::literal(#items)),*]))
        }
        "required" => {
            let names = values(value).filter_map(Value::as_str);
            quote!(required: Vec::from([#(#names),*]))
        }
        "deprecated" | "nullable" | "readOnly" | "writeOnly" => {
            let flag = value.as_bool().unwrap_or(false);
            quote!(#name: #flag)
        }
        "exclusiveMinimum" | "exclusiveMaximum" | "uniqueItems" => {
            let flag = value.as_bool().unwrap_or(false);
            quote!(#name: Some(#flag))
        }
        "minimum" | "maximum" | "multipleOf" => {
            let number = value.as_f64();
            quote!(#name: Some(#number))
        }
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
            let Some(number) = value.as_u64() else {
                bail!("`{key}` must be a whole number")
            };
            let number = usize::try_from(number)?;
            quote!(#name: Some(#number))
        }
        "items" => {
            let items = schema_ref(value)?;
            quote!(items: Some(Box::new(#items)))
        }
        "allOf" | "anyOf" | "oneOf" => {
            let branches = values(value).map(schema_ref).collect::<Result<Vec<_>>>()?;
            quote!(#name: Vec::from([#(#branches),*]))
        }
        "properties" => return properties(value),
        "additionalProperties" => return additional_properties(value),
        _ if key.starts_with("x-") => return Ok(None),
        _ => bail!("the service cannot report the keyword `{key}`"),
    }))
}

fn properties(value: &Value) -> Result<Option<TokenStream>> {
    let mut entries = Vec::new();
    for (name, schema) in value.as_object().into_iter().flatten() {
        let schema = schema_ref(schema)?;
        entries.push(quote!((#name, #schema)));
    }
    Ok((!entries.is_empty()).then(|| quote!(properties: Vec::from([#(#entries),*]))))
}

/// `true` and `{}` say nothing, and `MetaSchema` has no word for `false`.
fn additional_properties(value: &Value) -> Result<Option<TokenStream>> {
    if value.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(None);
    }
    let schema = schema_ref(value)?;
    Ok(Some(quote!(additional_properties: Some(Box::new(#schema)))))
}

fn values(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn snake(key: &str) -> String {
    heck::AsSnakeCase(key).to_string()
}
