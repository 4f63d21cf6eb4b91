//! `cargo xtask generate`: from `openapi/gpt-object-store.yaml` to the server's traits, types and
//! routes, and to the Rust client.

mod answers;
mod client;
mod contract;
mod forms;
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
use gpt_object_store_openapi::{Finding, lint, load, lower};
use quote::quote;
use serde_json::Value;

use contract::Contract;
use output::{File, render};

const DOCUMENT: &str = "openapi/gpt-object-store.yaml";
const SERVER: &str = "src/api/generated";

/// Writes every generated file below `root`, or with `check` compares them with what is there.
///
/// # Errors
///
/// A document that does not load, breaks a lint or cannot be generated from; with `check`, a file
/// that differs from what the document makes.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let path = root.join(DOCUMENT);
    let yaml = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let document = load(&yaml).map_err(|error| anyhow::anyhow!("{DOCUMENT}:\n{error}"))?;
    refuse(&lint(&document))?;
    let lowered = lower(&document)?;
    let mut files = server(&lowered)?;
    files.push(render("client/src/generated.rs", client::file(&lowered)?)?);
    files.push(File::attributes(&files));
    if check {
        output::check(root, &files)
    } else {
        output::write(root, &files)
    }
}

fn refuse(findings: &[Finding]) -> Result<()> {
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    ensure!(
        lines.is_empty(),
        "{DOCUMENT} breaks {} rules:\n{}",
        lines.len(),
        lines.join("\n")
    );
    Ok(())
}

fn server(lowered: &Value) -> Result<Vec<File>> {
    let contract = Contract::new(lowered)?;
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
    let mut files = vec![render(&format!("{SERVER}/mod.rs"), index)?];
    for (name, tokens) in modules {
        files.push(render(&format!("{SERVER}/{name}.rs"), tokens)?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
