//! Callers who do not say who they are, on the operations that allow it.

use std::sync::Arc;

use poem::http::header::AUTHORIZATION;
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::bearer::Verified;
use super::{Bearer, Caller, Principal, Scope, Who};
use crate::api::edge::Call;
use crate::api::problem::Problem;
use crate::api::wire::Operation;
use crate::error::{Error, Unauthorized};
use crate::ids::GptId;

/// Who an anonymous caller is. Add one to the routes with poem's `data`.
#[derive(Clone, Debug, Default)]
pub struct Anonymous(Option<Arc<Principal>>);

impl Anonymous {
    /// Nobody, or a reader of the namespaces of `gpt_id` (`STORAGE_ANONYMOUS_GPT`).
    #[must_use]
    pub fn reading_storage_of(gpt_id: Option<GptId>) -> Self {
        Self(gpt_id.map(|gpt_id| {
            Arc::new(Principal {
                who: Who::Key {
                    id: "anonymous".to_owned(),
                },
                gpt_id: Some(gpt_id),
                scopes: Scope::StorageRead.into(),
                collections: None,
                expires_at: None,
                revoked_at: None,
                rate_limits: None,
            })
        }))
    }
}

/// [`Bearer`], or nothing, where the deployment lets anonymous callers in.
pub enum OptionalBearer {
    /// A caller with a good key.
    Verified(Verified),
    /// One without, as whom it may act.
    Anonymous(Arc<Principal>, Call),
}

impl OptionalBearer {
    /// As [`Bearer::enter`]; a caller without a key is limited by its address alone.
    ///
    /// # Errors
    /// 429 when the key has sent too many requests.
    pub async fn enter(&self, operation: &'static Operation) -> Result<(), Problem> {
        match self {
            Self::Verified(verified) => verified.enter(operation).await,
            Self::Anonymous(_, call) => call.enter(operation, None).await,
        }
    }

    /// As [`Bearer::authorize`].
    ///
    /// # Errors
    /// 403 when the caller may not do this.
    pub fn authorize(&self, scope: Scope, gpt_id: Option<&str>) -> Result<Caller, Problem> {
        let (principal, call) = match self {
            Self::Verified(verified) => (&verified.principal, &verified.call),
            Self::Anonymous(principal, call) => (principal, call),
        };
        let caller = Caller::authorize(principal.clone(), scope, gpt_id)?;
        Ok(caller.telling(call.forwarded().clone()))
    }
}

impl<'a> ApiExtractor<'a> for OptionalBearer {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Bearer::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Bearer::security_schemes()
    }

    fn has_security_fallback() -> bool {
        true
    }

    /// Credentials that are sent must be good: only who sends none is anonymous.
    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if request.headers().contains_key(AUTHORIZATION) {
            let bearer = Bearer::from_request(request, body, options).await?;
            return Ok(Self::Verified(bearer.into_verified()));
        }
        let anonymous = request
            .data::<Anonymous>()
            .and_then(|known| known.0.clone());
        let refused = || Problem::from(Error::Unauthorized(Unauthorized::Missing));
        anonymous
            .map(|principal| Self::Anonymous(principal, Call::of(request)))
            .ok_or_else(|| poem::Error::from(refused()))
    }
}
