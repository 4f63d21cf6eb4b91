//! The `Authorization: Bearer` header as an extractor of the generated routes.

use std::sync::Arc;

use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer as Token;

use super::{Authenticator, Caller, Principal, Scope};
use crate::api::problem::Problem;
use crate::error::{Error, Unauthorized};

/// An API key of one GPT: `Authorization: Bearer gos_…`.
#[derive(SecurityScheme)]
#[oai(
    ty = "bearer",
    rename = "bearerApiKey",
    bearer_format = "APIKey",
    checker = "verify"
)]
pub struct Bearer(pub(super) Arc<Principal>);

impl Bearer {
    /// The caller, if the key has `scope` and `gpt_id`, when the path names one, is its own.
    ///
    /// # Errors
    /// 403 otherwise.
    pub fn authorize(&self, scope: Scope, gpt_id: Option<&str>) -> Result<Caller, Problem> {
        Ok(Caller::authorize(self.0.clone(), scope, gpt_id)?)
    }
}

async fn verify(request: &Request, token: Token) -> poem::Result<Arc<Principal>> {
    let verified = match request.data::<Arc<Authenticator>>() {
        Some(authenticator) => authenticator.verify(&token.token).await,
        None => Err(Error::Unauthorized(Unauthorized::Unknown)),
    };
    verified.map_err(|error| Problem::from(error).into())
}
