//! HTTP: implements the generated handler traits by calls of the service.

pub mod admin;
pub mod cursor;
pub mod edge;
pub mod generated;
pub mod page;
pub mod problem;
pub mod wire;

mod collections;
mod content;
mod convert;
mod files;
mod jobs;
mod lists;
mod metrics;
mod new_files;
mod oauth;
mod objects;
mod pages;
mod status;
mod storage;
mod uploads;

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Response, Route};
use poem_openapi::OpenApiService;
use prometheus_client::registry::Registry;

use crate::limits::Limiter;
use crate::service::Service;
use crate::stopping::Stopping;
use cursor::CursorCodec;
use generated::routes::{self as generated_routes, Api};
pub use oauth::AuthorizationServer;

/// Where the operator's operations are.
const OPERATIONS: &str = "/admin/v1";
/// Where it is asked whether all is well.
const HEALTH: &str = "/health";

/// What handlers have at hand.
pub struct Handlers {
    /// The rules.
    pub service: Service,
    /// Decides how often may be called.
    pub limiter: Limiter,
    /// Writes and reads cursors.
    pub cursors: CursorCodec,
    /// What the outside calls us, without a slash at the end.
    pub public_url: Arc<str>,
    /// What operators call us, without a slash at the end.
    pub operator_url: Arc<str>,
    /// What `/metrics` shows.
    pub metrics: Arc<Registry>,
    /// Whether callers are sent elsewhere.
    pub stopping: Stopping,
    /// What `/_debug/storage-info` answers, where it is there.
    pub storage_info: Option<String>,
}

/// Every route for callers: the contract's operations, the authorization server, the contract
/// itself, and the pages for people; and every route for operators, unless they have a listener of
/// their own.
#[must_use]
pub fn routes(
    handlers: Arc<Handlers>,
    authorization: AuthorizationServer,
    for_operators: bool,
) -> impl Endpoint<Output = Response> {
    let routes = pages::add(Route::new(), handlers.public_url.clone());
    let routes = pages::add_storage_info(routes, handlers.storage_info.clone());
    let routes = oauth::add(routes, Arc::new(authorization));
    let routes = match for_operators {
        true => add_operators(routes, handlers.clone()),
        false => routes,
    };
    let routes = routes.nest("/", openapi_service(handlers));
    // poem's `nest("/")` takes `/` itself for what is nested, so the home page stands before it.
    let home = Arc::new(pages::home());
    routes.around(move |routes, request| {
        let home = home.clone();
        async move {
            if request.uri().path() == "/" {
                home.call(request).await
            } else {
                routes.call(request).await
            }
        }
    })
}

/// Every route for operators, for a listener of their own.
#[must_use]
pub fn operator_routes(handlers: Arc<Handlers>) -> impl Endpoint<Output = Response> {
    add_operators(Route::new(), handlers)
}

/// Whether a process that answers nobody is well, and its figures.
#[must_use]
pub fn watcher_routes(handlers: Arc<Handlers>) -> impl Endpoint<Output = Response> {
    let routes = metrics::add(Route::new(), handlers.metrics.clone());
    routes.nest_no_strip(HEALTH, openapi_service(handlers))
}

fn add_operators(routes: Route, handlers: Arc<Handlers>) -> Route {
    let routes = pages::add_operators(routes, handlers.operator_url.clone());
    let routes = metrics::add(routes, handlers.metrics.clone());
    routes.nest_no_strip(OPERATIONS, admin::openapi_service(handlers))
}

/// The contract's operations as a poem service. The drift test reads its document.
#[must_use]
pub fn openapi_service(handlers: Arc<Handlers>) -> OpenApiService<Api<Handlers>, ()> {
    generated_routes::service(handlers)
}
