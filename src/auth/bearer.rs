//! The `Authorization: Bearer` header as an extractor of the generated routes.

use std::sync::Arc;

use poem::Request;
use poem::http::header::AUTHORIZATION;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer as Token;

use super::{Authenticator, Caller, Operator, Principal, Scope};
use crate::api::edge::Call;
use crate::api::problem::Problem;
use crate::api::wire::Operation;
use crate::error::{Error, Unauthorized};

/// An API key of one GPT: `Authorization: Bearer gos_…`.
#[derive(SecurityScheme)]
#[oai(
    ty = "bearer",
    rename = "bearerApiKey",
    bearer_format = "APIKey",
    checker = "verify"
)]
pub struct Bearer(Verified);

/// A key that was found good, and the request that it came with.
#[derive(Clone)]
pub struct Verified {
    pub(super) principal: Arc<Principal>,
    pub(super) call: Call,
}

impl Bearer {
    /// Begins `operation`, if the key has not sent too many requests.
    ///
    /// # Errors
    /// 429 otherwise.
    pub async fn enter(&self, operation: &'static Operation) -> Result<(), Problem> {
        self.0.enter(operation).await
    }

    /// The caller, if the key has `scope` and `gpt_id`, when the path names one, is its own.
    ///
    /// # Errors
    /// 403 otherwise.
    pub fn authorize(&self, scope: Scope, gpt_id: Option<&str>) -> Result<Caller, Problem> {
        let caller = Caller::authorize(self.0.principal.clone(), scope, gpt_id)?;
        Ok(caller.telling(self.0.call.forwarded().clone()))
    }

    /// The operator whose key it is.
    ///
    /// # Errors
    /// 403 when it is not an operator's.
    pub fn operator(&self) -> Result<Operator, Problem> {
        Ok(Operator::authorize(self.0.principal.clone())?)
    }

    pub(super) fn into_verified(self) -> Verified {
        self.0
    }
}

impl Verified {
    pub(super) async fn enter(&self, operation: &'static Operation) -> Result<(), Problem> {
        self.call.enter(operation, Some(&self.principal)).await
    }
}

/// The key or token in the header, where no generated route reads it.
#[must_use]
pub fn bearer_token(request: &Request) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn verify(request: &Request, token: Token) -> poem::Result<Verified> {
    let call = Call::of(request);
    let verified = match request.data::<Arc<Authenticator>>() {
        Some(authenticator) => authenticator.verify(&token.token).await,
        None => Err(Error::Unauthorized(Unauthorized::Unknown)),
    };
    match verified {
        Ok(principal) => Ok(Verified { principal, call }),
        Err(Error::Unauthorized(why)) => Err(call.refuse(why).await.into()),
        Err(error) => Err(Problem::from(error).into()),
    }
}
