//! `cargo xtask generate`: from `openapi/gpt-object-store.yaml`, and from the operator's
//! `openapi/gpt-object-store-admin.yaml`, to the server's traits, types and routes, and to the Rust
//! client.

mod answers;
mod client;
mod contract;
mod forms;
mod imports;
mod meta;
mod names;
mod operations;
mod output;
mod parameters;
mod patterns;
mod routes;
mod schema;
mod streams;
mod types;
mod validation;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use gpt_object_store_openapi::{Finding, Plane, lint, load, lower};
use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use contract::Contract;
use output::{File, render};

/// Where the document of `plane` lies.
fn document_of(plane: Plane) -> String {
    format!("openapi/{}.yaml", plane.name())
}

/// Where the server's part of it goes.
fn server_of(plane: Plane) -> &'static str {
    match plane {
        Plane::Data => "src/api/generated",
        Plane::Operator => "src/api/admin/generated",
    }
}

/// Where the client's part of it goes.
fn client_of(plane: Plane) -> &'static str {
    match plane {
        Plane::Data => "client/src/generated.rs",
        Plane::Operator => "client/src/admin/generated.rs",
    }
}

/// Writes every generated file below `root`, or with `check` compares them with what is there.
///
/// # Errors
///
/// A document that does not load, breaks a lint or cannot be generated from; with `check`, a file
/// that differs from what the document makes.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let (data, operator) = (read(root, Plane::Data)?, read(root, Plane::Operator)?);
    let mut files = made_of(Plane::Data, &data, None)?;
    files.extend(made_of(Plane::Operator, &operator, Some(&data))?);
    files.push(File::attributes(&files));
    if check {
        output::check(root, &files)
    } else {
        output::write(root, &files)
    }
}

/// The document of `plane`, which keeps every rule, lowered.
fn read(root: &Path, plane: Plane) -> Result<Value> {
    let name = document_of(plane);
    let path = root.join(&name);
    let yaml = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let document = load(&yaml).map_err(|error| anyhow::anyhow!("{name}:\n{error}"))?;
    refuse(&name, &lint(&document, plane))?;
    Ok(lower(&document)?)
}

fn made_of(plane: Plane, lowered: &Value, shared: Option<&Value>) -> Result<Vec<File>> {
    let document = document_of(plane);
    let modules = server(plane, lowered, shared).with_context(|| document.clone())?;
    let client = client::file(lowered).with_context(|| document.clone())?;
    let files = modules
        .into_iter()
        .chain([(client_of(plane).to_owned(), client)]);
    files
        .map(|(path, tokens)| render(&path, &document, tokens))
        .collect()
}

fn refuse(document: &str, findings: &[Finding]) -> Result<()> {
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    ensure!(
        lines.is_empty(),
        "{document} breaks {} rules:\n{}",
        lines.len(),
        lines.join("\n")
    );
    Ok(())
}

/// The server's modules. What the document has in common with `shared` is not made again.
fn server(
    plane: Plane,
    lowered: &Value,
    shared: Option<&Value>,
) -> Result<Vec<(String, TokenStream)>> {
    let contract = Contract::new(plane, lowered, shared)?;
    let modules = [
        ("defaults", parameters::defaults_file(&contract)?),
        ("operations", operations::file(&contract)?),
        ("parameters", parameters::file(&contract)?),
        ("patterns", patterns::file(lowered)?),
        ("routes", routes::file(&contract)?),
        ("types", types::file(&contract)?),
    ];
    let names = modules.iter().map(|(name, _)| names::snake(name));
    let index = quote! {
        //! The contract as Rust: handler traits, types and routes.

        #(#[rustfmt::skip] pub mod #names;)*
    };
    let modules = modules.into_iter();
    let files = [("mod", index)].into_iter().chain(modules);
    let folder = server_of(plane);
    Ok(files
        .map(|(name, tokens)| (format!("{folder}/{name}.rs"), tokens))
        .collect())
}

#[cfg(test)]
mod tests;
