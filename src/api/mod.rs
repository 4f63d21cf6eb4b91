//! HTTP: implements the generated handler traits by calls of the service.

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
mod lists;
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

use crate::service::Service;
use cursor::CursorCodec;
use generated::routes::{self as generated_routes, Api};
pub use oauth::AuthorizationServer;

/// What handlers have at hand.
pub struct Handlers {
    /// The rules.
    pub service: Service,
    /// Writes and reads cursors.
    pub cursors: CursorCodec,
    /// What the outside calls us, without a slash at the end.
    pub public_url: Arc<str>,
    /// What `/_debug/storage-info` answers, where it is there.
    pub storage_info: Option<String>,
}

/// Every route: the contract's operations, the authorization server, the contract itself, and the
/// pages for people.
#[must_use]
pub fn routes(
    handlers: Handlers,
    authorization: AuthorizationServer,
) -> impl Endpoint<Output = Response> {
    let public_url = handlers.public_url.clone();
    let storage_info = handlers.storage_info.clone();
    let operations = openapi_service(Arc::new(handlers));
    let routes = pages::add(Route::new(), public_url);
    let routes = oauth::add(routes, Arc::new(authorization));
    let routes = pages::add_storage_info(routes, storage_info).nest("/", operations);
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

/// The contract's operations as a poem service. The drift test reads its document.
#[must_use]
pub fn openapi_service(handlers: Arc<Handlers>) -> OpenApiService<Api<Handlers>, ()> {
    generated_routes::service(handlers)
}
