//! `routes.rs`: the operations as poem-openapi routes them.

use anyhow::{Context, Result, bail};
use gpt_object_store_openapi::{Location, Plane};
use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use super::contract::{Contract, Input, Prepared};
use super::imports::used;
use super::names::{pascal, snake};
use super::operations::principal;
use super::types::doc_lines;

/// What of `wire` the routes may need.
const WIRE: [&str; 14] = [
    "BytesBody",
    "Faults",
    "FormBody",
    "Header",
    "JsonBody",
    "JsonOrForm",
    "JsonOrFormBody",
    "JsonOrLines",
    "JsonOrLinesBody",
    "MergePatchBody",
    "Operation",
    "Path",
    "Query",
    "QueryNames",
];
/// What of `auth` they may need.
const AUTH: [&str; 3] = ["Bearer", "OptionalBearer", "Scope"];

/// The content of `routes.rs`.
pub fn file(contract: &Contract<'_>) -> Result<TokenStream> {
    let tags = tags(contract);
    let service = service(contract)?;
    let routes = contract
        .operations
        .iter()
        .map(|prepared| route(contract.plane, prepared))
        .collect::<Result<Vec<_>>>()?;
    let routes = quote!(#(#routes)*);
    let wire = used(&WIRE, &routes);
    let auth = used(&AUTH, &routes);
    let own = used(&["operations", "parameters", "types"], &routes);
    Ok(quote! {
        //! The routes: who is asking, what is asked, and then the handler.

        use std::sync::Arc;

        use poem_openapi::{OpenApi, OpenApiService, Tags};

        use super::operations::Handlers;
        use super::{#(#own),*};
        use crate::api::problem::Problem;
        use crate::api::wire::{#(#wire),*};
        use crate::auth::{#(#auth),*};

        #service

        #tags

        /// Every operation of the document, answered by `H`.
        pub struct Api<H>(pub Arc<H>);

        #[OpenApi]
        impl<H: Handlers> Api<H> { #routes }
    })
}

fn tags(contract: &Contract<'_>) -> TokenStream {
    let variants = contract.tags().into_iter().map(|(name, description)| {
        let variant = pascal(&name);
        let docs = doc_lines(&description);
        quote!(#docs #[oai(rename = #name)] #variant,)
    });
    quote! {
        #[derive(Tags)]
        enum Tag { #(#variants)* }
    }
}

fn service(contract: &Contract<'_>) -> Result<TokenStream> {
    let info = contract.document.get("info").context("/info: is missing")?;
    let text = |key: &str| info.get(key).and_then(Value::as_str).map(str::trim_end);
    let title = text("title").context("/info/title: is missing")?;
    let version = text("version").context("/info/version: is missing")?;
    let description = text("description").map(|text| quote!(.description(#text)));
    let terms = text("termsOfService").map(|text| quote!(.terms_of_service(#text)));
    let license = info.get("license").map(|license| {
        let name = license
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let url = license
            .get("url")
            .and_then(Value::as_str)
            .map(|url| quote!(.url(#url)));
        quote!(.license(poem_openapi::LicenseObject::new(#name)#url))
    });
    if info.get("contact").is_some() || contract.document.get("externalDocs").is_some() {
        bail!("`contact` and `externalDocs` are not made yet: teach routes.rs about them");
    }
    let servers = contract.document.get("servers").and_then(Value::as_array);
    let servers = servers
        .into_iter()
        .flatten()
        .filter_map(|server| server.get("url")?.as_str());
    Ok(quote! {
        /// The document's operations as a service that `handlers` answer.
        pub fn service<H: Handlers>(handlers: Arc<H>) -> OpenApiService<Api<H>, ()> {
            OpenApiService::new(Api(handlers), #title, #version)
                #description #terms #license #(.server(#servers))*
        }
    })
}

fn route(plane: Plane, prepared: &Prepared) -> Result<TokenStream> {
    let Prepared {
        operation,
        method,
        reply,
        ..
    } = prepared;
    let path = operation.path.replace('{', ":").replace('}', "");
    let (http_method, id) = (operation.method, &operation.operation_id);
    let tags = operation
        .tags
        .iter()
        .map(|tag| format!("Tag::{}", pascal(tag)));
    let deprecated = operation.deprecated.then(|| quote!(, deprecated = true));
    let docs = [
        operation.summary.as_deref(),
        operation.description.as_deref(),
    ];
    let docs = docs
        .iter()
        .flatten()
        .map(|text| text.trim_end())
        .collect::<Vec<_>>()
        .join("\n\n");
    let arguments = arguments(prepared)?;
    let steps = steps(plane, prepared)?;
    // Besides these there are `&self` and the query's names; clippy takes seven.
    let many = (arguments.len() > 5).then(|| {
        let reason = "the operation has that many parameters";
        quote!(#[expect(clippy::too_many_arguments, reason = #reason)])
    });
    Ok(quote! {
        #[doc = #docs]
        #many
        #[oai(path = #path, method = #http_method, operation_id = #id #(, tag = #tags)* #deprecated)]
        async fn #method(&self, #(#arguments)* names: QueryNames) -> operations::#reply {
            let answer = async { #steps };
            answer.await.unwrap_or_else(|problem: Problem| problem.into())
        }
    })
}

fn arguments(prepared: &Prepared) -> Result<Vec<TokenStream>> {
    let mut arguments = Vec::new();
    if prepared.operation.allows_anonymous && prepared.operation.is_secured() {
        arguments.push(quote!(auth: OptionalBearer,));
    } else if prepared.operation.is_secured() {
        arguments.push(quote!(auth: Bearer,));
    }
    for input in &prepared.parameters {
        let Input {
            marker,
            field,
            index,
            parameter,
            ..
        } = input;
        let name = &parameter.name;
        let docs = parameter.description.as_deref().map(|text| {
            let text = text.trim_end();
            quote!(#[doc = #text])
        });
        let deprecated = parameter.deprecated.then(|| quote!(, deprecated = true));
        let ty = match parameter.location {
            Location::Path => quote!(Path<parameters::#marker, #index>),
            Location::Query => quote!(Query<parameters::#marker>),
            Location::Header | Location::Cookie => quote!(Header<parameters::#marker>),
        };
        arguments.push(quote!(#docs #[oai(name = #name #deprecated)] #field: #ty,));
    }
    if let Some(ty) = prepared.body_extractor()? {
        let description = prepared
            .body
            .as_ref()
            .and_then(|body| body.description.as_deref());
        let docs = description.map(|text| quote!(#[doc = #text]));
        arguments.push(quote!(#docs body: #ty,));
    }
    Ok(arguments)
}

/// Enter, authorise, read everything, and call the handler.
fn steps(plane: Plane, prepared: &Prepared) -> Result<TokenStream> {
    let Prepared {
        operation,
        method,
        params,
        parameters,
        ..
    } = prepared;
    // To an operator a GPT is a thing as others are, and not whose data it is.
    let is_tenant = |input: &&Input| plane == Plane::Data && input.parameter.name == "gpt_id";
    let tenant = parameters
        .iter()
        .find(|input| input.index == 0 && is_tenant(input));
    let principal = snake(&principal(plane).to_string());
    let authorize = authorize(plane, prepared, tenant)?;
    let caller = operation.is_secured().then(|| quote!(#principal,));
    let rest: Vec<_> = parameters
        .iter()
        .filter(|input| !is_tenant(input))
        .collect();
    let reads = rest.iter().map(|input| {
        let field = &input.field;
        let read = if input.parameter.required {
            quote!(required)
        } else {
            quote!(optional)
        };
        quote!(let #field = #field.#read(&mut faults);)
    });
    let known = parameters
        .iter()
        .filter(|input| input.parameter.location == Location::Query);
    let known = known.map(|input| &input.parameter.name);
    let read_body = prepared.read_body();
    let mut needed: Vec<_> = rest
        .iter()
        .filter(|input| input.parameter.required)
        .collect();
    needed.dedup_by(|a, b| a.field == b.field);
    let mut needed: Vec<_> = needed.iter().map(|input| input.field.clone()).collect();
    needed.extend(read_body.as_ref().map(|_| snake("body")));
    let unwrap = (!needed.is_empty()).then(|| {
        quote! {
            let (#(Some(#needed),)*) = (#(#needed,)*) else { return Err(faults.reject()) };
        }
    });
    let fields = parameters.iter().map(|input| &input.field);
    let body_field = read_body.as_ref().map(|_| quote!(body,));
    Ok(quote! {
        #authorize
        let mut faults = Faults::default();
        names.only(&[#(#known),*], &mut faults);
        #(#reads)*
        #read_body
        #unwrap
        faults.finish()?;
        let request = operations::#params { #(#fields,)* #body_field };
        self.0.#method(#caller request).await
    })
}

fn authorize(plane: Plane, prepared: &Prepared, tenant: Option<&Input>) -> Result<TokenStream> {
    let operation = &prepared.operation;
    let tenant_read = tenant.map(|input| {
        let field = &input.field;
        quote!(let #field = #field.now()?;)
    });
    if !operation.is_secured() {
        return Ok(quote!(#tenant_read));
    }
    let scope = operation
        .required_scope
        .as_deref()
        .with_context(|| format!("{}: state x-required-scope", operation.operation_id))?;
    let scope = pascal(&scope.replace(':', "_"));
    let gpt = match tenant {
        Some(input) => {
            let field = &input.field;
            quote!(Some(&#field))
        }
        None => quote!(None),
    };
    let id = &operation.operation_id;
    let (method, path) = (operation.method.to_uppercase(), &operation.path);
    let authorized = match plane {
        Plane::Data => quote!(let caller = auth.authorize(Scope::#scope, #gpt)?;),
        Plane::Operator => quote!(let operator = auth.operator()?;),
    };
    Ok(quote! {
        auth.enter(&Operation { id: #id, method: #method, path: #path }).await?;
        #tenant_read
        #authorized
    })
}
