//! Bodies that are read as they arrive: forms with a file, plain bytes, and lines of JSON.

use anyhow::{Context, Result, bail, ensure};
use gpt_object_store_openapi::Operation;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::Value;

use super::contract::{Body, Prepared};
use super::names::{joined, pascal};
use super::schema::reference;

const FORM: &str = "multipart/form-data";
const BYTES: &str = "application/octet-stream";
const LINES: &str = "application/x-ndjson";

/// A body that is read as it arrives.
#[derive(Debug, PartialEq, Eq)]
pub enum Streamed {
    /// The form that is this component.
    Form(String),
    /// Bytes.
    Bytes,
    /// Lines of JSON, beside JSON.
    Lines,
}

/// Whether bodies of this media type are read as they arrive.
pub fn is_streamed(media_type: &str) -> bool {
    [FORM, BYTES, LINES].contains(&media_type)
}

/// The streamed body of an operation, if it takes one.
pub fn streamed(operation: &Operation) -> Result<Option<Streamed>> {
    let body = operation.request_body.as_ref();
    let content = body.and_then(|body| body.get("content")?.as_object());
    let mut found = Vec::new();
    for (media_type, media) in content.into_iter().flatten() {
        match media_type.as_str() {
            FORM => {
                let name = media.get("schema").and_then(reference);
                found.push(Streamed::Form(
                    name.context("a form must be a component")?.to_owned(),
                ));
            }
            BYTES => found.push(Streamed::Bytes),
            LINES => found.push(Streamed::Lines),
            _ => {}
        }
    }
    ensure!(
        found.len() <= 1,
        "a form, bytes and lines do not stand together"
    );
    Ok(found.pop())
}

impl Prepared {
    /// The enum of what the body may be, when it may be JSON or a form.
    fn choice(&self) -> Ident {
        joined(&self.operation.operation_id, "body")
    }

    /// The type of the body as the handler gets it.
    pub fn body_type(&self) -> Option<TokenStream> {
        match (&self.body, &self.streamed) {
            (None, None) => None,
            (Some(body), None) => {
                let schema = pascal(&body.schema);
                Some(quote!(types::#schema))
            }
            (None, Some(streamed)) => Some(streamed.value()),
            (Some(_), Some(_)) => {
                let choice = self.choice();
                Some(quote!(#choice))
            }
        }
    }

    /// The type of the body as it is before anything was read of it.
    pub fn body_extractor(&self) -> Result<Option<TokenStream>> {
        let schema = |body: &Body| pascal(&body.schema);
        Ok(match (&self.body, &self.streamed) {
            (None, None) => None,
            (Some(body), None) => {
                let schema = schema(body);
                Some(if body.is_merge_patch {
                    quote!(MergePatchBody<types::#schema>)
                } else {
                    quote!(JsonBody<types::#schema>)
                })
            }
            (None, Some(Streamed::Bytes)) => Some(quote!(BytesBody)),
            (None, Some(Streamed::Form(form))) => {
                let form = pascal(form);
                Some(quote!(FormBody<types::#form>))
            }
            (Some(body), Some(Streamed::Form(form))) if !body.is_merge_patch => {
                let (schema, form) = (schema(body), pascal(form));
                Some(quote!(JsonOrFormBody<types::#schema, types::#form>))
            }
            (Some(body), Some(Streamed::Lines)) if !body.is_merge_patch => {
                let schema = schema(body);
                Some(quote!(JsonOrLinesBody<types::#schema>))
            }
            (None, Some(Streamed::Lines)) => bail!("lines are made beside application/json only"),
            (Some(_), Some(_)) => bail!("beside a form or lines only application/json is made"),
        })
    }

    /// The statement that reads the body.
    pub fn read_body(&self) -> Option<TokenStream> {
        self.body_type()?;
        let choose = match (&self.body, &self.streamed) {
            (Some(_), Some(streamed)) => {
                let choice = self.choice();
                let (read, variant) = streamed.choice();
                Some(quote! {
                    .map(|body| match body {
                        #read::Json(body) => operations::#choice::Json(body),
                        #read::#variant(body) => operations::#choice::#variant(body),
                    })
                })
            }
            _ => None,
        };
        Some(quote!(let body = body.read(&mut faults).await? #choose;))
    }

    /// The enum of what the body may be, when there is a choice.
    pub fn choice_item(&self) -> Option<TokenStream> {
        let (Some(body), Some(streamed)) = (&self.body, &self.streamed) else {
            return None;
        };
        let (choice, schema, value) = (self.choice(), pascal(&body.schema), streamed.value());
        let (_, variant) = streamed.choice();
        let media_type = format!(" `{}`.", streamed.media_type());
        let docs = format!(
            " The body of `{}`, by its media type.",
            self.operation.operation_id
        );
        Some(quote! {
            #[doc = #docs]
            #[derive(Debug)]
            pub enum #choice {
                /// `application/json`.
                Json(types::#schema),
                #[doc = #media_type]
                #variant(#value),
            }
        })
    }
}

impl Streamed {
    fn value(&self) -> TokenStream {
        match self {
            Self::Form(form) => {
                let form = pascal(form);
                quote!(wire::Form<types::#form>)
            }
            Self::Bytes | Self::Lines => quote!(wire::IncomingBytes),
        }
    }

    fn media_type(&self) -> &'static str {
        match self {
            Self::Form(_) => FORM,
            Self::Bytes => BYTES,
            Self::Lines => LINES,
        }
    }

    /// What is read when it may be JSON too, and what that is called when it is not.
    fn choice(&self) -> (Ident, Ident) {
        match self {
            Self::Lines => (pascal("json_or_lines"), pascal("lines")),
            Self::Form(_) | Self::Bytes => (pascal("json_or_form"), pascal("form")),
        }
    }
}

/// Whether `schema` is bytes.
pub fn is_binary(schema: &Value) -> bool {
    schema.get("format").and_then(Value::as_str) == Some("binary")
}
