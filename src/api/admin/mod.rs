//! The operator's API: GPTs, keys, applications, sessions, webhooks, jobs and the record of calls.

pub mod generated;

mod applications;
mod audit;
mod gpts;
mod jobs;
mod keys;
mod lists;
mod sessions;
mod webhooks;

use std::sync::Arc;

use poem_openapi::OpenApiService;

use super::Handlers;
use generated::routes::{self as generated_routes, Api};

/// The operator's operations as a poem service. The drift test reads its document.
#[must_use]
pub fn openapi_service(handlers: Arc<Handlers>) -> OpenApiService<Api<Handlers>, ()> {
    generated_routes::service(handlers)
}
