//! What is in an answer: JSON that is a component, or bytes.

use anyhow::{Context, Result, bail};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::Value;

use super::names::pascal;
use super::schema::reference;

/// The body of an answer that is not a failure.
pub enum AnswerBody {
    /// JSON that is this component.
    Json(Ident),
    /// Bytes of any media type.
    Bytes,
}

impl AnswerBody {
    /// The body of a response object, if it has one.
    pub fn of(response: &Value) -> Result<Option<Self>> {
        let content = response.get("content").and_then(Value::as_object);
        let Some((media_type, media)) = content.and_then(|content| content.iter().next()) else {
            return Ok(None);
        };
        match media_type.as_str() {
            "*/*" => Ok(Some(Self::Bytes)),
            "application/json" => {
                let name = media.get("schema").and_then(reference);
                Ok(Some(Self::Json(pascal(
                    name.context("a body must be a component")?,
                ))))
            }
            _ => bail!("an answer of `{media_type}` is not made: use application/json or */*"),
        }
    }

    /// The type of the body as the handler gives it.
    pub fn rust_type(&self) -> TokenStream {
        match self {
            Self::Json(schema) => quote!(types::#schema),
            Self::Bytes => quote!(wire::Download),
        }
    }

    /// The call that puts `body` into a reply.
    pub fn ending(&self) -> TokenStream {
        match self {
            Self::Json(_) => quote!(.json(&body)),
            Self::Bytes => quote!(.bytes(body)),
        }
    }
}
