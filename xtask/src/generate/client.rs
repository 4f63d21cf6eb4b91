//! `client/src/generated.rs`: progenitor's client.

use anyhow::{Context, Result};
use gpt_object_store_openapi::client_view;
use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, InterfaceStyle};
use quote::quote;
use serde_json::Value;

/// The client for a lowered document, in the builder style.
pub fn file(lowered: &Value) -> Result<TokenStream> {
    let view = serde_json::from_value(client_view(lowered))
        .context("the client's view is not OpenAPI 3.0")?;
    let mut settings = GenerationSettings::new();
    settings.with_interface(InterfaceStyle::Builder);
    let client = Generator::new(&settings)
        .generate_tokens(&view)
        .context("progenitor cannot generate a client from the document")?;
    Ok(quote! {
        #![expect(
            clippy::allow_attributes,
            clippy::uninlined_format_args,
            reason = "progenitor writes `#[allow(unused_mut)]`, and arguments behind its formats"
        )]
        #client
    })
}
