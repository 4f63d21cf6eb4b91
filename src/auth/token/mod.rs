//! Access tokens: JWTs of RFC 9068, signed by this service, or by others whom it was told to believe.
//!
//! A signature says that a token was issued, not that it is still good: [`super::Authenticator`] asks
//! for the session behind it.

mod keys;
mod outside;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

pub use outside::{OutsideIssuers, OutsideToken};

use super::Scopes;
use crate::clock::Timestamp;
use crate::error::{Error, Unauthorized};
use crate::ids::GptId;
use crate::store::Store;
use keys::SigningKeys;

/// The media type of access tokens (RFC 9068, 2.1).
const TYPE: &str = "at+jwt";
/// By how much the clocks of replicas may differ.
const LEEWAY: Duration = Duration::from_secs(30);
/// How long every replica may sign with a key after it was told to retire, and some.
const TURNOVER: Duration = Duration::from_secs(120);

/// Issues and verifies this service's access tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    keys: SigningKeys,
    issuer: String,
    lifetime: Duration,
}

/// What an access token is to say.
#[derive(Clone, Debug)]
pub struct AccessGrant {
    /// The GPT for which the application acts.
    pub gpt_id: GptId,
    /// The name by which the application asks for tokens.
    pub client_id: String,
    /// What the application was allowed.
    pub session_id: Uuid,
    /// The public id of the key with which a person allowed it.
    pub key_id: Option<String>,
    /// What the token may do.
    pub scopes: Scopes,
    /// When the session is over, which the token does not outlast.
    pub until: Timestamp,
}

/// An access token in clear; never logged.
pub struct AccessToken {
    /// The token, as it goes behind `Bearer`.
    pub token: String,
    /// When it stops working, in whole seconds.
    pub expires_at: Timestamp,
}

/// What a good access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it: this service's public URL.
    pub iss: String,
    /// For whom: the same.
    pub aud: String,
    /// `application:` and the client id, or the public id of the key with which a person consented.
    pub sub: String,
    /// The application.
    pub client_id: String,
    /// The GPT for which it acts.
    pub gpt_id: String,
    /// The session.
    pub sid: Uuid,
    /// What it may do, separated by blanks.
    pub scope: String,
    /// When it was issued, in Unix seconds.
    pub iat: i64,
    /// From when on it works.
    pub nbf: i64,
    /// When it stops working.
    pub exp: i64,
    /// The token's own id.
    pub jti: Uuid,
}

impl Tokens {
    /// Tokens that `issuer`, this service's public URL, issues for `lifetime`. Their keys lie in
    /// `store`, sealed under `secret`, which all replicas share.
    ///
    /// # Errors
    /// Never in practice, as with every key that is derived.
    pub fn new(
        store: Store,
        secret: &[u8],
        issuer: &str,
        lifetime: Duration,
    ) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            keys: SigningKeys::new(store, secret)?,
            issuer: issuer.to_owned(),
            lifetime,
        })))
    }

    /// How long a token works, unless its session ends earlier.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.0.lifetime
    }

    /// The public URL in whose name tokens are issued.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// A new token.
    ///
    /// # Errors
    /// The store's, when the keys cannot be read.
    pub async fn issue(&self, grant: &AccessGrant) -> Result<AccessToken, Error> {
        let key = self.0.keys.current().await?;
        let now = Timestamp::now();
        let expires_at = now.plus(self.0.lifetime).min(grant.until);
        let own_subject = || format!("application:{}", grant.client_id);
        let claims = AccessClaims {
            iss: self.0.issuer.clone(),
            aud: self.0.issuer.clone(),
            sub: grant.key_id.clone().unwrap_or_else(own_subject),
            client_id: grant.client_id.clone(),
            gpt_id: grant.gpt_id.to_string(),
            sid: grant.session_id,
            scope: grant.scopes.to_string(),
            iat: now.as_seconds(),
            nbf: now.as_seconds(),
            exp: expires_at.as_seconds(),
            jti: Uuid::now_v7(),
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(key.id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        let token = jsonwebtoken::encode(&header, &claims, &key.encoding);
        Ok(AccessToken {
            token: token.map_err(internal)?,
            expires_at: seconds(claims.exp),
        })
    }

    /// What `token` says, if this service issued it, for itself, and its time has come and is not
    /// over. Whether its session is alive is not looked at.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] otherwise; the store's, when the keys cannot be read.
    pub async fn verify(&self, token: &str) -> Result<AccessClaims, Error> {
        let unknown = Error::Unauthorized(Unauthorized::Unknown);
        let Ok(header) = jsonwebtoken::decode_header(token) else {
            return Err(Error::Unauthorized(Unauthorized::Malformed));
        };
        let is_access_token = header.typ.as_deref().is_some_and(is_access_token_type);
        let (Some(kid), true) = (header.kid, is_access_token) else {
            return Err(unknown);
        };
        let key = self.0.keys.find(&kid).await?.ok_or(unknown)?;
        // The algorithm is the key's, whatever the header says.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[&self.0.issuer]);
        validation.set_issuer(&[&self.0.issuer]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY.as_secs();
        let decoded = jsonwebtoken::decode::<AccessClaims>(token, &key.decoding, &validation);
        Ok(decoded.map_err(refused)?.claims)
    }

    /// The public keys, as a JWK set (RFC 7517).
    ///
    /// # Errors
    /// The store's.
    pub async fn jwks(&self) -> Result<Value, Error> {
        let keys = self.0.keys.all().await?;
        let keys: Vec<_> = keys.iter().map(|key| &key.jwk).collect();
        Ok(json!({ "keys": keys }))
    }

    /// Makes a new key, which signs from now on, and gives its id. Those before verify until their
    /// last token is over.
    ///
    /// # Errors
    /// The store's.
    pub async fn rotate_key(&self) -> Result<String, Error> {
        let last = Timestamp::now().plus(self.0.lifetime + TURNOVER);
        self.0.keys.rotate(last).await
    }
}

impl AccessClaims {
    /// When the token stops working.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        seconds(self.exp)
    }
}

/// Whether `token` has the form of a JWT.
pub(super) fn is_jwt(token: &str) -> bool {
    /// Far more than any issuer needs, and little to hash.
    const LONGEST: usize = 8 << 10;
    token.len() <= LONGEST && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// Who `token` says has issued it. Nothing of that is proven.
pub(super) fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claimed: Claimed = serde_json::from_slice(&payload).ok()?;
    Some(claimed.iss)
}

/// `at+jwt`, or the whole media type, in any case.
fn is_access_token_type(typ: &str) -> bool {
    typ.eq_ignore_ascii_case(TYPE) || typ.eq_ignore_ascii_case("application/at+jwt")
}

fn refused(error: jsonwebtoken::errors::Error) -> Error {
    Error::Unauthorized(match error.kind() {
        ErrorKind::ExpiredSignature => Unauthorized::Expired,
        _ => Unauthorized::Unknown,
    })
}

/// A moment in Unix seconds; the beginning when there is none such.
fn seconds(seconds: i64) -> Timestamp {
    let micros = seconds.checked_mul(1_000_000);
    let moment = micros.and_then(Timestamp::from_micros);
    moment.unwrap_or_else(|| Timestamp::from(chrono::DateTime::UNIX_EPOCH))
}

fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(cause))
}
