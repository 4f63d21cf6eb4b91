//! `parameters.rs`: what each parameter is called, what it holds, and which values it takes;
//! `defaults.rs`: what the document says of parameters that are left out.

use anyhow::{Result, bail};
use proc_macro2::TokenStream;
use quote::quote;

use super::contract::{Contract, Input};
use super::imports::used;
use super::names::{pascal, shouty};
use super::schema::{Schemas, Shape, enum_texts, shape};
use super::types::doc_lines;
use super::{meta, validation};

/// The content of `parameters.rs`.
pub fn file(contract: &Contract<'_>) -> Result<TokenStream> {
    let mut items = Vec::new();
    for input in contract.parameters() {
        items.push(parameter(contract, input)?);
    }
    let items = quote!(#(#items)*);
    let own = used(&["patterns", "types"], &items);
    let wire = used(&["wire", "Parameter", "Pointer", "check"], &items);
    let wire = wire.iter().map(|name| match name == "wire" {
        true => quote!(self),
        false => quote!(#name),
    });
    Ok(quote! {
        //! The parameters: one uninhabited type for each, which says what it is.

        use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
        use poem_openapi::types::Type;

        use super::{#(#own),*};
        use crate::api::wire::{#(#wire),*};
        use crate::error::Violation;

        #items
    })
}

fn parameter(contract: &Contract<'_>, input: &Input) -> Result<TokenStream> {
    let marker = &input.marker;
    let name = &input.parameter.name;
    let is_required = input.parameter.required;
    let value = value_type(contract, input)?;
    let schema = meta::schema_ref(&input.schema)?;
    let components = Schemas::references(&input.schema);
    let components: Vec<_> = components.iter().map(|name| pascal(name)).collect();
    let register = (!components.is_empty()).then(|| {
        quote! {
            fn register(registry: &mut Registry) {
                #(<types::#components as Type>::register(registry);)*
            }
        }
    });
    let check = validation::of_value(&contract.schemas, &input.schema)?.map(|check| {
        quote! {
            fn check(value: &#value, at: &mut Pointer, violations: &mut Vec<Violation>) {
                #check
            }
        }
    });
    let docs = doc_lines(input.parameter.description.as_deref().unwrap_or_default());
    Ok(quote! {
        #docs
        pub enum #marker {}

        impl Parameter for #marker {
            const NAME: &'static str = #name;
            const REQUIRED: bool = #is_required;
            type Value = #value;

            fn schema() -> MetaSchemaRef {
                #schema
            }

            #register

            #check
        }
    })
}

/// The Rust type of a parameter's value.
pub fn value_type(contract: &Contract<'_>, input: &Input) -> Result<TokenStream> {
    if let Shape::List(_) | Shape::Map(_) | Shape::Struct(_) | Shape::Raw = shape(&input.schema)? {
        bail!(
            "the parameter `{}` must be a scalar: GPT Actions stringify arrays, so use a \
             comma-separated string",
            input.parameter.name
        );
    }
    let marker = &input.marker;
    contract
        .schemas
        .rust_type(&input.schema, &|| Ok(quote!(types::#marker)))
}

/// The content of `defaults.rs`.
pub fn defaults_file(contract: &Contract<'_>) -> Result<TokenStream> {
    let mut items = Vec::new();
    for prepared in &contract.operations {
        for input in &prepared.parameters {
            if let Some(item) = default(contract, &prepared.operation.operation_id, input)? {
                items.push(item);
            }
        }
    }
    let items = quote!(#(#items)*);
    let types = used(&["types"], &items);
    Ok(quote! {
        //! What the document says of parameters that are left out.

        #(use super::#types;)*

        #items
    })
}

fn default(contract: &Contract<'_>, operation: &str, input: &Input) -> Result<Option<TokenStream>> {
    let Some(value) = input.schema.get("default") else {
        return Ok(None);
    };
    let name = shouty(&format!("{operation}_{}", input.field));
    let docs = format!(
        " `{}` of `{operation}`, when it is left out.",
        input.parameter.name
    );
    let mut ty = value_type(contract, input)?;
    let text = value.as_str().unwrap_or_default();
    let resolved = match shape(&input.schema)? {
        Shape::Component(name) => shape(contract.schemas.get(name)?)?,
        other => other,
    };
    let value = match resolved {
        Shape::Text => {
            ty = quote!(&str);
            quote!(#text)
        }
        Shape::Enum(values) if enum_texts(values)?.contains(&text) => {
            let variant = pascal(text);
            quote!(#ty::#variant)
        }
        Shape::Int32 | Shape::Int64 if value.is_i64() => {
            let number = proc_macro2::Literal::i64_unsuffixed(value.as_i64().unwrap_or_default());
            quote!(#number)
        }
        Shape::Bool if value.is_boolean() => {
            let flag = value.as_bool();
            quote!(#flag)
        }
        _ => bail!(
            "{operation}: the default {value} of `{}` does not fit",
            input.parameter.name
        ),
    };
    Ok(Some(quote! {
        #[doc = #docs]
        pub const #name: #ty = #value;
    }))
}
