//! `openapi`: the contract, as the server serves it.

use gpt_object_store_openapi::{Plane, json_for, yaml_for};

use super::Failure;
use super::cli::Format;
use crate::config::HttpConfig;

/// Prints the contract, or the operator's, with `public_url` or what is configured as its server.
pub(super) fn print(
    operator: bool,
    format: Format,
    public_url: Option<String>,
    config: &HttpConfig,
) -> Result<(), Failure> {
    let (plane, configured) = match operator {
        true => (Plane::Operator, config.operator_url()),
        false => (Plane::Data, config.public_url.as_str()),
    };
    let url = public_url.as_deref().unwrap_or(configured);
    let text = match format {
        Format::Yaml => yaml_for(plane, url),
        Format::Json => serde_json::to_string_pretty(&json_for(plane, url)?)?,
    };
    println!("{}", text.trim_end());
    Ok(())
}
