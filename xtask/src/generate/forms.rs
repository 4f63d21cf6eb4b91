//! Forms: the text fields as a struct that fills as they arrive, and the name of the file's field.

use anyhow::{Context, Result};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::{Map, Value};

use super::contract::Contract;
use super::names::{pascal, snake};
use super::schema::required;
use super::streams::is_binary;
use super::types::{docs, reported};
use super::validation;

/// The struct of the form `name` with its reported schema.
pub fn component(contract: &Contract<'_>, name: &str, schema: &Value) -> Result<TokenStream> {
    let ident = pascal(name);
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.context("a form has properties")?;
    let mut fields = Vec::new();
    let mut arms = Vec::new();
    for (property, schema) in texts(properties) {
        let (field, ty) = (snake(property), value_type(contract, schema)?);
        let docs = docs(schema);
        fields.push(quote!(#docs pub #field: Option<#ty>,));
        arms.push(arm(contract, property, schema, &ty)?);
    }
    let docs = docs(schema);
    let reported = reported(name, &ident, schema)?;
    let form_fields = form_fields(&ident, schema, properties, &arms);
    Ok(quote! {
        #docs
        ///
        /// These are its text fields; the file comes as a stream.
        #[derive(Clone, Debug, Default)]
        pub struct #ident { #(#fields)* }

        #reported

        #form_fields
    })
}

fn texts(properties: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    properties.iter().filter(|(_, schema)| !is_binary(schema))
}

fn value_type(contract: &Contract<'_>, schema: &Value) -> Result<TokenStream> {
    let unnamed = || anyhow::bail!("an enum must be a component: {schema}");
    contract.schemas.rust_type(schema, &unnamed)
}

fn arm(
    contract: &Contract<'_>,
    property: &str,
    schema: &Value,
    ty: &TokenStream,
) -> Result<TokenStream> {
    let field = snake(property);
    let check = match validation::of_value(&contract.schemas, schema)? {
        Some(check) => quote!(|value: &#ty, at, violations| { #check }),
        None => quote!(|_, _, _| {}),
    };
    Ok(quote!(#property => self.#field = wire::form_text(name, text, violations, #check),))
}

fn form_fields(
    ident: &Ident,
    schema: &Value,
    properties: &Map<String, Value>,
    arms: &[TokenStream],
) -> TokenStream {
    let file = properties.iter().find(|(_, schema)| is_binary(schema));
    let file = file.map(|(name, _)| name);
    let names: Vec<_> = texts(properties).map(|(name, _)| name).collect();
    let required = required(schema);
    let needed = names
        .iter()
        .filter(|name| required.contains(&name.as_str()));
    let set = (!arms.is_empty()).then(|| {
        quote! {
            fn set(&mut self, name: &str, text: String, violations: &mut Vec<Violation>) {
                match name {
                    #(#arms)*
                    _ => {}
                }
            }
        }
    });
    quote! {
        impl wire::FormFields for #ident {
            const FILE: &'static str = #file;
            const TEXTS: &'static [&'static str] = &[#(#names),*];
            const REQUIRED: &'static [&'static str] = &[#(#needed),*];

            #set
        }
    }
}
