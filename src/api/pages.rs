//! What is not an operation of the contract: the contract itself, and the pages for people.

use std::sync::Arc;

use gpt_object_store_openapi::Plane;
use poem::endpoint::make_sync;
use poem::http::header;
use poem::web::Path;
use poem::{Endpoint, IntoResponse, Response, Route, get, handler};
use poem_openapi::OpenApiService;

use super::generated::types::ProblemCode;
use super::page;
use super::problem::{Problem, index_page, problem_page};

/// Allows what Swagger UI needs and nothing from elsewhere.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                           img-src data:; connect-src 'self'; frame-ancestors 'none'";
/// Allows a style and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// Adds the pages to `route`.
pub(super) fn add(route: Route, public_url: Arc<str>) -> Route {
    with_document(route, Plane::Data, "/docs", public_url)
        .at("/problems", get(problems))
        .at("/problems/:slug", get(problem))
}

/// Adds the operator's pages to `route`.
pub(super) fn add_operators(route: Route, operator_url: Arc<str>) -> Route {
    with_document(route, Plane::Operator, "/admin/docs", operator_url)
}

/// Adds the document of `plane`, whose server is `url`, and at `docs` its documentation.
fn with_document(route: Route, plane: Plane, docs: &str, url: Arc<str>) -> Route {
    let (for_yaml, for_json) = (url.clone(), url.clone());
    let yaml = make_sync(move |_| contract_yaml(plane, &for_yaml));
    let json = make_sync(move |_| contract_json(plane, &for_json));
    let page = make_sync(move |_| documentation(plane, &url));
    route
        .at(format!("/openapi/{}.yaml", plane.name()), get(yaml))
        .at(format!("/openapi/{}.json", plane.name()), get(json))
        .at(docs, get(page))
}

/// Adds `/_debug/storage-info`, which answers `info`, if there is any to be shown.
pub(super) fn add_storage_info(route: Route, info: Option<String>) -> Route {
    let Some(info) = info else {
        return route;
    };
    let answer = move |_| {
        Response::builder()
            .content_type("application/json")
            .body(info.clone())
    };
    route.at("/_debug/storage-info", get(make_sync(answer)))
}

fn contract_yaml(plane: Plane, url: &str) -> Response {
    let text = gpt_object_store_openapi::yaml_for(plane, url);
    Response::builder()
        .content_type("application/yaml")
        .body(text)
}

fn contract_json(plane: Plane, url: &str) -> Result<Response, Problem> {
    let document = contract(plane, url)?;
    Ok(Response::builder()
        .content_type("application/json")
        .body(document))
}

/// The document of `plane` as JSON, its server being `url`.
fn contract(plane: Plane, url: &str) -> Result<String, Problem> {
    let document = gpt_object_store_openapi::json_for(plane, url)
        .map_err(|error| crate::error::Error::Internal(Box::new(error)))?;
    Ok(document.to_string())
}

/// Swagger UI over the contract. The page comes from poem-openapi, which embeds Swagger UI; the
/// document in it is the one that an empty service reports, and is replaced by ours. It is made for
/// each request, since 1.6 MB are better spent than kept.
fn documentation(plane: Plane, url: &str) -> Result<Response, Problem> {
    let empty = OpenApiService::new((), "", "");
    // In a script element, `</` could end the script.
    let document = contract(plane, url)?.replace("</", "<\\/");
    let page = empty
        .swagger_ui_html()
        .replacen(&empty.spec(), &document, 1)
        .replacen(
            "<title>Swagger UI</title>",
            "<title>GPT Object Store · API</title>",
            1,
        );
    Ok(html(page, DOCS_POLICY))
}

fn html(page: String, policy: &str) -> Response {
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .body(page)
}

/// The page at `/`.
pub(super) fn home() -> impl Endpoint<Output = Response> {
    get(home_page)
}

#[handler]
fn home_page() -> Response {
    let content = "<p>Durable memory for Custom GPTs and other programs: JSON documents in collections \
        and snapshots of keys and values, over HTTPS.</p><ul><li><a href=\"docs\">Interactive documentation</a></li>\
        <li>The contract, to paste into the GPT editor or a generator: \
        <a href=\"openapi/gpt-object-store.yaml\">YAML</a>, \
        <a href=\"openapi/gpt-object-store.json\">JSON</a> (OpenAPI 3.1)</li>\
        <li><a href=\"problems\">What each problem means</a></li>\
        <li><a href=\"health\">Health</a></li></ul>";
    html(page::render("GPT Object Store", content), PAGE_POLICY)
}

#[handler]
fn problems() -> Response {
    html(index_page(), PAGE_POLICY)
}

#[handler]
fn problem(Path(slug): Path<String>) -> Response {
    match slug.parse::<ProblemCode>() {
        Ok(code) => html(problem_page(code), PAGE_POLICY),
        Err(_) => {
            Problem::new(ProblemCode::NotFound, "There is no problem of this kind.").into_response()
        }
    }
}
