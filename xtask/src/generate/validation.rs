//! `impl Validate` of request bodies, and the checks of parameters.

use anyhow::{Result, bail};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::{Map, Value};

use super::names::snake;
use super::patterns;
use super::schema::{Schemas, Shape, is_nullable, required, shape};
use super::types::bare_array;

/// Keywords that hold of values in requests and that no check is made for.
const UNCHECKED: [&str; 4] = [
    "multipleOf",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// `impl Validate` for the struct `ident`.
pub fn of_struct(
    schemas: &Schemas<'_>,
    ident: &Ident,
    schema: &Value,
    properties: &Map<String, Value>,
) -> Result<TokenStream> {
    let required = required(schema);
    let bare_array = bare_array(schema);
    let mut checks = Vec::new();
    for (property, schema) in properties {
        let Some(check) = of_value(schemas, schema)? else {
            continue;
        };
        let field = snake(property);
        let inside = if bare_array == Some(property.as_str()) {
            quote!(at.key_unless(self.is_bare_array, #property, |at| { #check });)
        } else {
            quote!(at.key(#property, |at| { #check });)
        };
        let is_option = !required.contains(&property.as_str()) || is_nullable(schema);
        checks.push(if is_option {
            quote!(if let Some(value) = &self.#field { #inside })
        } else {
            quote!({ let value = &self.#field; #inside })
        });
    }
    let (at, violations) = if checks.is_empty() {
        (quote!(_), quote!(_))
    } else {
        (quote!(at), quote!(violations))
    };
    Ok(quote! {
        impl Validate for #ident {
            fn validate(&self, #at: &mut Pointer, #violations: &mut Vec<Violation>) {
                #(#checks)*
            }
        }
    })
}

/// Statements that check `value` (a reference) at `at` and add to `violations`; none if all goes.
pub fn of_value(schemas: &Schemas<'_>, schema: &Value) -> Result<Option<TokenStream>> {
    for key in UNCHECKED {
        if schema.get(key).is_some() {
            bail!("no check is made for `{key}` in requests: leave it to the service: {schema}");
        }
    }
    Ok(match shape(schema)? {
        Shape::Component(name) => match shape(schemas.get(name)?)? {
            Shape::Enum(_) => None,
            _ => Some(quote!(Validate::validate(value, at, violations);)),
        },
        Shape::Text => text(schema),
        Shape::Int32 | Shape::Int64 => number(schema, &|bound| Some(literal_i64(bound.as_i64()?))),
        Shape::Float => number(schema, &|bound| {
            bound.as_f64().map(|number| quote!(#number))
        }),
        Shape::Uuid | Shape::Timestamp | Shape::Bool | Shape::Enum(_) => None,
        Shape::List(items) => Some(list(schemas, schema, items)?),
        Shape::Map(values) => of_value(schemas, values)?
            .map(|check| quote!(for (key, value) in value { at.key(key, |at| { #check }); })),
        Shape::Raw if schema.get("type").is_some() => {
            Some(quote!(check::object(value, at, violations);))
        }
        Shape::Raw => None,
        Shape::Struct(_) => bail!("an object with properties must be a component: {schema}"),
    })
}

fn literal_i64(number: i64) -> TokenStream {
    let literal = proc_macro2::Literal::i64_unsuffixed(number);
    quote!(#literal)
}

fn text(schema: &Value) -> Option<TokenStream> {
    let least = schema.get("minLength").and_then(Value::as_u64);
    let most = schema.get("maxLength").and_then(Value::as_u64);
    let length = bounds(least, most)
        .map(|(least, most)| quote!(check::length(value, #least, #most, at, violations);));
    let pattern = schema
        .get("pattern")
        .and_then(Value::as_str)
        .map(|pattern| {
            let name = patterns::name(pattern);
            quote!(check::pattern(value, &patterns::#name, at, violations);)
        });
    (length.is_some() || pattern.is_some()).then(|| quote!(#length #pattern))
}

fn list(schemas: &Schemas<'_>, schema: &Value, items: &Value) -> Result<TokenStream> {
    let least = schema.get("minItems").and_then(Value::as_u64);
    let most = schema.get("maxItems").and_then(Value::as_u64);
    let length = bounds(least, most)
        .map(|(least, most)| quote!(check::items(value.len(), #least, #most, at, violations);));
    let each = of_value(schemas, items)?.map(|check| {
        quote! {
            for (index, value) in value.iter().enumerate() {
                at.index(index, |at| { #check });
            }
        }
    });
    Ok(quote!(#length #each))
}

fn bounds(least: Option<u64>, most: Option<u64>) -> Option<(TokenStream, TokenStream)> {
    let number = |number: Option<u64>| match number {
        Some(number) => {
            let literal = proc_macro2::Literal::u64_unsuffixed(number);
            quote!(Some(#literal))
        }
        None => quote!(None),
    };
    (least.is_some() || most.is_some()).then(|| (number(least), number(most)))
}

fn number(schema: &Value, literal: &dyn Fn(&Value) -> Option<TokenStream>) -> Option<TokenStream> {
    let excludes = |key| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
    let bound = |key| schema.get(key).and_then(literal);
    let least = bound("minimum").map(|bound| {
        let check = if excludes("exclusiveMinimum") {
            quote!(above)
        } else {
            quote!(at_least)
        };
        quote!(check::#check(*value, #bound, at, violations);)
    });
    let most = bound("maximum").map(|bound| {
        let check = if excludes("exclusiveMaximum") {
            quote!(below)
        } else {
            quote!(at_most)
        };
        quote!(check::#check(*value, #bound, at, violations);)
    });
    (least.is_some() || most.is_some()).then(|| quote!(#least #most))
}
