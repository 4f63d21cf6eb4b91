//! `types.rs`: the bodies as plain serde structs and enums, and their reported schemas.

use anyhow::{Result, bail};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::{Map, Value};

use super::contract::Contract;
use super::forms;
use super::imports::used;
use super::names::{joined, pascal, snake};
use super::schema::{Schemas, Shape, enum_texts, is_nullable, required, shape};
use super::{meta, validation};

/// The content of `types.rs`.
pub fn file(contract: &Contract<'_>) -> Result<TokenStream> {
    let mut items = Vec::new();
    for (name, schema) in contract.schemas.iter() {
        if contract.is_shared(name) {
            let ident = pascal(name);
            items.push(quote!(pub use crate::api::generated::types::#ident;));
            continue;
        }
        items.push(component(contract, name, schema)?);
    }
    for parameter in contract.parameters() {
        if let Shape::Enum(values) = shape(&parameter.schema)? {
            items.push(enumeration(&parameter.marker, &Value::Null, values)?);
        }
    }
    let items = quote!(#(#items)*);
    let own = used(&["patterns", "types"], &items);
    let wire = used(&["Pointer", "Validate", "check"], &items);
    Ok(quote! {
        //! The bodies of requests and answers.

        use std::borrow::Cow;

        use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
        use poem_openapi::types::Type;

        use super::{#(#own),*};
        use crate::api::wire::{self, #(#wire),*};
        use crate::error::Violation;

        #items
    })
}

fn component(contract: &Contract<'_>, name: &str, schema: &Value) -> Result<TokenStream> {
    if contract.is_form(name) {
        return forms::component(contract, name, schema);
    }
    let ident = pascal(name);
    let item = match shape(schema)? {
        Shape::Struct(properties) => structure(contract, name, schema, properties)?,
        Shape::Enum(values) => enumeration(&ident, schema, values)?,
        Shape::Raw => free_form(&ident, schema),
        _ => bail!(
            "/components/schemas/{name}: only objects and enums of strings are components; write \
             this schema where it is used"
        ),
    };
    let reported = reported(name, &ident, schema)?;
    let validated = match shape(schema)? {
        Shape::Struct(properties) if contract.is_in_requests(name) => {
            validation::of_struct(&contract.schemas, &ident, schema, properties)?
        }
        _ => quote!(),
    };
    Ok(quote!(#item #reported #validated))
}

fn structure(
    contract: &Contract<'_>,
    name: &str,
    schema: &Value,
    properties: &Map<String, Value>,
) -> Result<TokenStream> {
    let ident = pascal(name);
    let required = required(schema);
    let mut enums = Vec::new();
    let mut fields = Vec::new();
    for (property, schema) in properties {
        let is_required = required.contains(&property.as_str());
        fields.push(field(
            &contract.schemas,
            name,
            property,
            schema,
            is_required,
        )?);
        if let Some(values) = inline_enum(schema)? {
            enums.push(enumeration(&joined(name, property), schema, values)?);
        }
    }
    let docs = docs(schema);
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let closed = is_closed.then(|| quote!(#[serde(deny_unknown_fields)]));
    let (remote, only_objects) = match (bare_array(schema), contract.is_in_requests(name)) {
        (Some(member), true) => {
            fields.push(quote! {
                /// Whether it came as a bare array.
                #[serde(skip)]
                pub is_bare_array: bool,
            });
            (
                quote!(#[serde(remote = "Self")]),
                objects_or_arrays(&ident, member),
            )
        }
        (None, true) => (quote!(#[serde(remote = "Self")]), only_objects(&ident)),
        (_, false) => (quote!(), quote!()),
    };
    Ok(quote! {
        #docs
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        #closed
        #remote
        pub struct #ident { #(#fields)* }

        #only_objects

        #(#enums)*
    })
}

/// The property that a body may be, bare, instead of the object that has it.
pub fn bare_array(schema: &Value) -> Option<&str> {
    schema.get("x-bare-array").and_then(Value::as_str)
}

/// An object of any members: its text, under a name of its own.
fn free_form(ident: &Ident, schema: &Value) -> TokenStream {
    let docs = docs(schema);
    quote! {
        #docs
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub struct #ident(pub wire::RawJson);
    }
}

/// Like [`only_objects`], for a body that may also be the bare array `member`.
fn objects_or_arrays(ident: &Ident, member: &str) -> TokenStream {
    let serialize = serialize_remote(ident);
    quote! {
        impl<'de> serde::Deserialize<'de> for #ident {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut is_bare_array = false;
                let reader = wire::ObjectOrArray::new(deserializer, #member, &mut is_bare_array);
                let body = Self::deserialize(reader)?;
                Ok(Self { is_bare_array, ..body })
            }
        }

        #serialize
    }
}

/// serde's derive would take a JSON array for a struct, field by field. With `remote = "Self"` it
/// makes inherent functions, and these traits call them with a reader that takes objects only.
fn only_objects(ident: &Ident) -> TokenStream {
    let serialize = serialize_remote(ident);
    quote! {
        impl<'de> serde::Deserialize<'de> for #ident {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize(wire::ObjectsOnly(deserializer))
            }
        }

        #serialize
    }
}

fn serialize_remote(ident: &Ident) -> TokenStream {
    quote! {
        impl serde::Serialize for #ident {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }
    }
}

fn inline_enum(schema: &Value) -> Result<Option<&[Value]>> {
    Ok(match shape(schema)? {
        Shape::Enum(values) => Some(values),
        Shape::List(items) | Shape::Map(items) => inline_enum(items)?,
        _ => None,
    })
}

fn field(
    schemas: &Schemas<'_>,
    owner: &str,
    property: &str,
    schema: &Value,
    is_required: bool,
) -> Result<TokenStream> {
    let ident = snake(property);
    let ty = schemas.rust_type(schema, &|| {
        let name = joined(owner, property);
        Ok(quote!(#name))
    })?;
    let plain = ident.to_string();
    let renamed = plain.trim_start_matches("r#") != property;
    let rename = renamed.then(|| quote!(#[serde(rename = #property)]));
    let docs = docs(schema);
    let (ty, presence) = match (is_required, is_nullable(schema)) {
        (true, false) => (ty, quote!()),
        // Without this, serde would take a missing member for null.
        (true, true) => (
            quote!(Option<#ty>),
            quote!(#[serde(deserialize_with = "serde::Deserialize::deserialize")]),
        ),
        // Where anything may stand, null is something.
        (false, _)
            if schema
                .as_object()
                .is_some_and(|members| !members.contains_key("type"))
                && matches!(shape(schema)?, Shape::Raw) =>
        {
            (
                quote!(Option<#ty>),
                quote!(#[serde(default, deserialize_with = "wire::present", skip_serializing_if = "Option::is_none")]),
            )
        }
        (false, _) => (
            quote!(Option<#ty>),
            quote!(#[serde(default, skip_serializing_if = "Option::is_none")]),
        ),
    };
    Ok(quote!(#docs #rename #presence pub #ident: #ty,))
}

fn enumeration(ident: &Ident, schema: &Value, values: &[Value]) -> Result<TokenStream> {
    let texts = enum_texts(values)?;
    let variants: Vec<_> = texts.iter().map(|text| pascal(text)).collect();
    let count = texts.len();
    let docs = docs(schema);
    let variant_docs = texts.iter().map(|text| format!(" `{text}`."));
    let expected = format!("must be one of {}", texts.join(", "));
    Ok(quote! {
        #docs
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum #ident {
            #(#[doc = #variant_docs] #[serde(rename = #texts)] #variants,)*
        }

        impl #ident {
            /// Every value, in the document's order.
            pub const ALL: [Self; #count] = [#(Self::#variants),*];

            /// The value as it travels.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { #(Self::#variants => #texts,)* }
            }
        }

        impl std::fmt::Display for #ident {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for #ident {
            type Err = wire::UnknownValue;

            fn from_str(text: &str) -> Result<Self, wire::UnknownValue> {
                match text {
                    #(#texts => Ok(Self::#variants),)*
                    _ => Err(wire::UnknownValue(#expected)),
                }
            }
        }

        impl wire::FromText for #ident {
            fn from_text(text: String) -> Result<Self, String> {
                text.parse().map_err(|error: wire::UnknownValue| error.to_string())
            }
        }
    })
}

/// `impl Type` for `ident`: the component `name` as the service reports it.
pub fn reported(name: &str, ident: &Ident, schema: &Value) -> Result<TokenStream> {
    let literal = meta::literal(schema)?;
    let members = Schemas::references(schema);
    let members = members.iter().map(|name| pascal(name));
    Ok(quote! {
        impl Type for #ident {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                Cow::Borrowed(#name)
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference(#name.to_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>(#name.to_owned(), |registry| {
                    #(<types::#members as Type>::register(registry);)*
                    let _: &mut Registry = registry;
                    #literal
                });
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    })
}

/// The description as documentation, a line each.
pub fn docs(schema: &Value) -> TokenStream {
    let description = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    doc_lines(description)
}

/// `text` as documentation, a line each.
pub fn doc_lines(text: &str) -> TokenStream {
    let lines = text.trim_end().lines().map(|line| format!(" {line}"));
    quote!(#(#[doc = #lines])*)
}
