//! `openapi`: the contract, as the server serves it.

use super::Failure;
use super::cli::Format;

/// Prints the contract with `public_url` as its server.
pub(super) fn print(format: Format, public_url: &str) -> Result<(), Failure> {
    let text = match format {
        Format::Yaml => gpt_object_store_openapi::yaml_for(public_url),
        Format::Json => {
            serde_json::to_string_pretty(&gpt_object_store_openapi::json_for(public_url)?)?
        }
    };
    println!("{}", text.trim_end());
    Ok(())
}
