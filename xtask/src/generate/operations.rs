//! `operations.rs`: a handler trait for each tag, and what goes in and out of each operation.

use anyhow::{Context, Result, bail};
use gpt_object_store_openapi::Plane;
use http::StatusCode;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::Value;

use super::answers::AnswerBody;
use super::contract::{Contract, Prepared};
use super::imports::used;
use super::meta;
use super::names::{joined, pascal, shouty, snake};
use super::parameters::value_type;
use super::schema::{Shape, reference, shape};
use super::types::doc_lines;

/// What of poem-openapi's registry the replies may need.
const META: [&str; 7] = [
    "MetaHeader",
    "MetaMediaType",
    "MetaResponse",
    "MetaResponses",
    "MetaSchema",
    "MetaSchemaRef",
    "Registry",
];

/// Who calls the operations: the type that only authorization makes.
pub fn principal(plane: Plane) -> Ident {
    match plane {
        Plane::Data => pascal("caller"),
        Plane::Operator => pascal("operator"),
    }
}

/// The content of `operations.rs`.
pub fn file(contract: &Contract<'_>) -> Result<TokenStream> {
    let mut items = Vec::new();
    for prepared in &contract.operations {
        items.push(params(contract, prepared)?);
        items.push(reply(prepared).with_context(|| prepared.operation.operation_id.clone())?);
    }
    let traits = traits(contract);
    let items = quote!(#traits #(#items)*);
    let meta = used(&META, &items);
    let caller = principal(contract.plane);
    let wire = used(&["wire"], &items).into_iter().map(|_| quote!(self));
    let wire = wire.chain([quote!(Reply)]);
    Ok(quote! {
        //! What handlers implement, what they get, and what they answer.

        use std::future::Future;

        use poem::http::StatusCode;
        use poem::{IntoResponse, Response};
        use poem_openapi::ApiResponse;
        use poem_openapi::registry::{#(#meta),*};
        use poem_openapi::types::Type;

        use super::types;
        use crate::api::problem::Problem;
        use crate::api::wire::{#(#wire),*};
        use crate::auth::#caller;

        #items
    })
}

fn traits(contract: &Contract<'_>) -> TokenStream {
    let mut items = Vec::new();
    let mut names = Vec::new();
    for (tag, description) in contract.tags() {
        let of_tag = |one: &&Prepared| one.operation.tags.first() == Some(&tag);
        let of_tag = contract.operations.iter().filter(of_tag);
        let methods = of_tag.map(|one| method(contract.plane, one));
        let name = joined(&tag, "handlers");
        let docs = doc_lines(&format!("The operations of `{tag}`. {description}"));
        items.push(quote! {
            #docs
            pub trait #name: Send + Sync + 'static { #(#methods)* }
        });
        names.push(name);
    }
    quote! {
        #(#items)*

        /// Every operation of the document.
        pub trait Handlers: #(#names)+* {}

        impl<T: #(#names)+*> Handlers for T {}
    }
}

fn method(plane: Plane, prepared: &Prepared) -> TokenStream {
    let Prepared {
        method,
        params,
        reply,
        operation,
        ..
    } = prepared;
    let principal = principal(plane);
    let argument = snake(&principal.to_string());
    let caller = operation
        .is_secured()
        .then(|| quote!(#argument: #principal,));
    let summary = operation.summary.as_deref().unwrap_or_default();
    let docs = doc_lines(&format!(
        "{summary}: `{} {}`.",
        operation.method.to_uppercase(),
        operation.path
    ));
    quote! {
        #docs
        fn #method(&self, #caller request: #params)
            -> impl Future<Output = Result<#reply, Problem>> + Send;
    }
}

fn params(contract: &Contract<'_>, prepared: &Prepared) -> Result<TokenStream> {
    let name = &prepared.params;
    let mut fields = Vec::new();
    for input in &prepared.parameters {
        let field = &input.field;
        let ty = value_type(contract, input)?;
        let ty = if input.parameter.required {
            ty
        } else {
            quote!(Option<#ty>)
        };
        let docs = doc_lines(input.parameter.description.as_deref().unwrap_or_default());
        fields.push(quote!(#docs pub #field: #ty,));
    }
    if let Some(body) = prepared.body_type() {
        fields.push(quote! {
            /// The request body.
            pub body: #body,
        });
    }
    // What arrives as a stream can be read once only.
    let derive = match prepared.streamed {
        Some(_) => quote!(#[derive(Debug)]),
        None => quote!(#[derive(Clone, Debug)]),
    };
    let choice = prepared.choice_item();
    let docs = format!(" What `{}` is asked.", prepared.operation.operation_id);
    Ok(quote! {
        #choice

        #[doc = #docs]
        #derive
        pub struct #name { #(#fields)* }
    })
}

/// One declared answer that is not a failure.
struct Answer {
    variant: Ident,
    code: u16,
    status: Ident,
    description: String,
    headers: Vec<(String, Ident, bool, TokenStream)>,
    body: Option<AnswerBody>,
}

fn reply(prepared: &Prepared) -> Result<TokenStream> {
    let name = &prepared.reply;
    let mut answers = Vec::new();
    for (status, response) in &prepared.operation.responses {
        if let Ok(status) = status.parse::<u16>()
            && status < 400
        {
            answers.push(answer(status, response)?);
        }
    }
    let variants = answers.iter().map(Answer::variant);
    let arms = answers.iter().map(Answer::arm);
    let docs = format!(" What `{}` answers.", prepared.operation.operation_id);
    let reported = reported(prepared)?;
    Ok(quote! {
        #[doc = #docs]
        #[derive(Debug)]
        pub enum #name {
            #(#variants)*
            /// It failed.
            Problem(Problem),
        }

        impl From<Problem> for #name {
            fn from(problem: Problem) -> Self {
                Self::Problem(problem)
            }
        }

        impl IntoResponse for #name {
            fn into_response(self) -> Response {
                match self {
                    #(#arms)*
                    Self::Problem(problem) => problem.into_response(),
                }
            }
        }

        #reported
    })
}

fn answer(status: u16, response: &Value) -> Result<Answer> {
    let code = StatusCode::from_u16(status)?;
    let reason = code.canonical_reason().context("has no reason phrase")?;
    let mut headers = Vec::new();
    for (name, header) in response
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let is_required = header
            .get("required")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let schema = header.get("schema").context("a header needs a schema")?;
        let ty = match shape(schema)? {
            Shape::Text => quote!(String),
            Shape::Int32 | Shape::Int64 => quote!(i64),
            _ => bail!("the response header {name} must be a plain string or integer"),
        };
        headers.push((name.clone(), snake(name), is_required, ty));
    }
    Ok(Answer {
        variant: pascal(reason),
        code: status,
        status: shouty(reason),
        description: text(response, "description"),
        headers,
        body: AnswerBody::of(response)?,
    })
}

impl Answer {
    fn is_unit(&self) -> bool {
        self.headers.is_empty() && self.body.is_none()
    }

    fn variant(&self) -> TokenStream {
        let Self { variant, .. } = self;
        let docs = doc_lines(&format!("{}: {}", self.code, self.description));
        if self.is_unit() {
            return quote!(#docs #variant,);
        }
        let headers = self.headers.iter().map(|(name, field, is_required, ty)| {
            let docs = format!(" The header `{name}`.");
            let ty = if *is_required {
                quote!(#ty)
            } else {
                quote!(Option<#ty>)
            };
            quote!(#[doc = #docs] #field: #ty,)
        });
        let body = self.body.as_ref().map(|body| {
            let ty = body.rust_type();
            quote! {
                /// The body.
                body: #ty,
            }
        });
        quote!(#docs #variant { #(#headers)* #body },)
    }

    fn arm(&self) -> TokenStream {
        let Self {
            variant,
            status,
            headers,
            body,
            ..
        } = self;
        let status = quote!(StatusCode::#status);
        if self.is_unit() {
            return quote!(Self::#variant => Reply::new(#status).empty(),);
        }
        let fields = headers.iter().map(|(_, field, ..)| field);
        let set = headers.iter().map(|(name, field, is_required, _)| {
            let name = name.to_ascii_lowercase();
            if *is_required {
                quote!(.header(#name, #field))
            } else {
                quote!(.optional_header(#name, #field))
            }
        });
        let (bind, end) = match body {
            Some(body) => (Some(quote!(body)), body.ending()),
            None => (None, quote!(.empty())),
        };
        quote!(Self::#variant { #(#fields,)* #bind } => Reply::new(#status)#(#set)* #end,)
    }
}

fn reported(prepared: &Prepared) -> Result<TokenStream> {
    let name = &prepared.reply;
    let mut responses = Vec::new();
    let mut components = Vec::new();
    for (status, response) in &prepared.operation.responses {
        responses.push(reported_response(status, response)?);
        let content = response.get("content").and_then(Value::as_object);
        let schemas = content
            .into_iter()
            .flatten()
            .filter_map(|(_, media)| media.get("schema"));
        components.extend(schemas.filter_map(reference));
    }
    components.sort_unstable();
    components.dedup();
    let components = components.iter().map(|name| pascal(name));
    Ok(quote! {
        impl ApiResponse for #name {
            const BAD_REQUEST_HANDLER: bool = true;

            fn meta() -> MetaResponses {
                MetaResponses { responses: Vec::from([#(#responses),*]) }
            }

            fn register(registry: &mut Registry) {
                #(<types::#components as Type>::register(registry);)*
            }

            fn from_parse_request_error(error: poem::Error) -> Self {
                Self::Problem(Problem::from(error))
            }
        }
    })
}

fn reported_response(status: &str, response: &Value) -> Result<TokenStream> {
    let (status, range) = match status.parse::<u16>() {
        Ok(status) => (quote!(Some(#status)), quote!(None)),
        Err(_) if status == "default" => (quote!(None), quote!(None)),
        Err(_) => (quote!(None), quote!(Some(#status.to_owned()))),
    };
    let description = text(response, "description");
    let mut headers = Vec::new();
    for (name, header) in response
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        headers.push(reported_header(name, header)?);
    }
    let mut content = Vec::new();
    for (name, media) in response
        .get("content")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let schema = meta::schema_ref(media.get("schema").context("a body needs a schema")?)?;
        content.push(quote!(MetaMediaType { content_type: #name, schema: #schema }));
    }
    Ok(quote! {
        MetaResponse {
            description: #description,
            status: #status,
            status_range: #range,
            content: Vec::from([#(#content),*]),
            headers: Vec::from([#(#headers),*]),
        }
    })
}

fn reported_header(name: &str, header: &Value) -> Result<TokenStream> {
    let flag = |key| header.get(key).and_then(Value::as_bool).unwrap_or(false);
    let (is_required, is_deprecated) = (flag("required"), flag("deprecated"));
    let schema = meta::schema_ref(header.get("schema").context("a header needs a schema")?)?;
    let description = match header.get("description").and_then(Value::as_str) {
        Some(text) => quote!(Some(#text.to_owned())),
        None => quote!(None),
    };
    Ok(quote! {
        MetaHeader {
            name: #name.to_owned(),
            description: #description,
            required: #is_required,
            deprecated: #is_deprecated,
            schema: #schema,
        }
    })
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}
