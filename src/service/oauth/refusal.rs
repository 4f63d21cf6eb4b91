//! Why a grant is refused, in the words of RFC 6749 and its extensions.

use crate::error::Error;
use crate::store::StoreError;

/// An error code as clients know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// A parameter is missing, malformed or sent twice.
    InvalidRequest,
    /// The client is unknown, or did not prove who it is.
    InvalidClient,
    /// The code or the refresh token is not, or no longer, good for this client.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// There is no such grant here.
    UnsupportedGrantType,
    /// There is only the authorization code.
    UnsupportedResponseType,
    /// A scope is unknown, or more than the client may ask for.
    InvalidScope,
    /// The token is wanted for another server (RFC 8707).
    InvalidTarget,
    /// The person said no.
    AccessDenied,
    /// Requests in a JWT (OpenID Connect Core, 6) are not read here.
    RequestNotSupported,
}

impl RefusalCode {
    /// The value of `error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::RequestNotSupported => "request_not_supported",
        }
    }
}

/// A refusal that the client is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct Refusal {
    /// The kind.
    pub code: RefusalCode,
    /// What is wrong and what to do, as a sentence of ASCII (RFC 6749, 5.2) for the client's author.
    pub description: String,
}

impl Refusal {
    /// A refusal of the kind `code`.
    pub fn new(code: RefusalCode, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
        }
    }

    /// A request that is malformed.
    pub fn malformed(description: impl Into<String>) -> Self {
        Self::new(RefusalCode::InvalidRequest, description)
    }

    /// A request without a parameter that it needs.
    #[must_use]
    pub fn missing(parameter: &str) -> Self {
        Self::malformed(format!("The parameter {parameter} is missing."))
    }
}

/// Why a grant came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The client is told why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is our fault, or that of something that we need.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<StoreError> for GrantError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}
