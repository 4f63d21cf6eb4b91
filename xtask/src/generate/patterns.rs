//! `patterns.rs`: each regular expression of the document, compiled once, at its first use.

use anyhow::{Context, Result};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The name of the static that holds `pattern`: stable, and the same wherever it stands.
pub fn name(pattern: &str) -> Ident {
    let hash = Sha256::digest(pattern);
    let short: String = hash
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02X}"))
        .collect();
    Ident::new(&format!("PATTERN_{short}"), Span::call_site())
}

/// The content of `patterns.rs`.
pub fn file(document: &Value) -> Result<TokenStream> {
    let mut patterns = Vec::new();
    collect(document, &mut patterns);
    patterns.sort_unstable();
    patterns.dedup();
    let mut statics = Vec::new();
    for pattern in patterns {
        regex::Regex::new(pattern)
            .with_context(|| format!("`pattern: {pattern}` is not a regular expression"))?;
        let name = name(pattern);
        let docs = format!(" `{pattern}`");
        statics.push(quote! {
            #[doc = #docs]
            pub static #name: LazyLock<Regex> = LazyLock::new(|| wire::compiled(#pattern));
        });
    }
    Ok(quote! {
        //! The regular expressions of the document, each compiled at its first use.

        use std::sync::LazyLock;

        use regex::Regex;

        use crate::api::wire;

        #(#statics)*
    })
}

fn collect<'a>(value: &'a Value, patterns: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("pattern", Value::String(pattern)) => patterns.push(pattern),
                    ("example" | "default" | "enum", _) => {}
                    _ => collect(value, patterns),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, patterns)),
        _ => {}
    }
}
