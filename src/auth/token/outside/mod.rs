//! Tokens of issuers that the deployment was told to believe.

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::{LEEWAY, refused, seconds};
use crate::auth::{Scope, Scopes};
use crate::clock::Timestamp;
use crate::config::{IssuerConfig, JwksPlace};
use crate::error::{Error, Unauthorized, chain};
use crate::ids::GptId;

/// How often the keys of an issuer are fetched again, so that one that it withdrew is forgotten.
const REFRESH: Duration = Duration::from_secs(10 * 60);
/// How long an issuer is left alone, after a look, before an unknown key makes us look again.
const PAUSE: Duration = Duration::from_secs(60);
/// How long an issuer may take to give its keys.
const FETCH_TIME: Duration = Duration::from_secs(5);
/// The most that a set of keys may be.
const LARGEST: usize = 256 << 10;

/// The issuers that are believed. Cheap to clone.
#[derive(Clone, Default)]
pub struct OutsideIssuers(Arc<[Issuer]>);

/// What a good token of another issuer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideToken {
    /// Who issued it.
    pub issuer: String,
    /// For whom.
    pub subject: String,
    /// The GPT that it names.
    pub gpt_id: GptId,
    /// What it may do; never to operate the service.
    pub scopes: Scopes,
    /// When it stops working.
    pub expires_at: Timestamp,
}

struct Issuer {
    config: IssuerConfig,
    client: reqwest::Client,
    keys: RwLock<Vec<OutsideKey>>,
    looked: Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct OutsideKey {
    kid: Option<String>,
    algorithm: Algorithm,
    decoding: DecodingKey,
}

impl OutsideIssuers {
    /// The issuers of the configuration. Their keys are fetched when a token needs them.
    ///
    /// # Errors
    /// When no client for HTTPS can be made.
    pub fn new(issuers: &[IssuerConfig]) -> Result<Self, Error> {
        let issuers = issuers.iter().cloned().map(Issuer::new);
        Ok(Self(issuers.collect::<Result<_, _>>()?))
    }

    /// What `token` says, if `issuer` is believed and has issued it.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] otherwise.
    pub async fn verify(&self, issuer: &str, token: &str) -> Result<OutsideToken, Error> {
        let known = self.0.iter().find(|known| known.config.issuer == issuer);
        match known {
            Some(issuer) => issuer.verify(token).await,
            None => Err(Error::Unauthorized(Unauthorized::Unknown)),
        }
    }
}

impl Issuer {
    fn new(config: IssuerConfig) -> Result<Self, Error> {
        // An error says that there is a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(FETCH_TIME)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Self {
            config,
            client: client.map_err(super::internal)?,
            keys: RwLock::default(),
            looked: Mutex::default(),
        })
    }

    async fn verify(&self, token: &str) -> Result<OutsideToken, Error> {
        let Ok(header) = jsonwebtoken::decode_header(token) else {
            return Err(Error::Unauthorized(Unauthorized::Malformed));
        };
        let unknown = Error::Unauthorized(Unauthorized::Unknown);
        let key = self.key(header.kid.as_deref()).await.ok_or(unknown)?;
        // The algorithm is the key's, whatever the header says.
        let mut validation = Validation::new(key.algorithm);
        validation.set_audience(&[&self.config.audience]);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY.as_secs();
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key.decoding, &validation);
        let claims = decoded.map_err(refused)?.claims;
        self.read(&claims)
            .ok_or(Error::Unauthorized(Unauthorized::Unknown))
    }

    fn read(&self, claims: &Map<String, Value>) -> Option<OutsideToken> {
        let text = |name: &str| claims.get(name)?.as_str();
        Some(OutsideToken {
            issuer: self.config.issuer.clone(),
            subject: text("sub")?.to_owned(),
            gpt_id: text(&self.config.gpt_claim)?.parse().ok()?,
            scopes: granted(claims.get(&self.config.scope_claim)),
            expires_at: seconds(claims.get("exp")?.as_i64()?),
        })
    }

    /// The key that is called `kid`; the only one for a token that names none.
    async fn key(&self, kid: Option<&str>) -> Option<OutsideKey> {
        let known = self.known(kid);
        if known.is_some() {
            // One caller fetches anew; meanwhile the others go on with what is known.
            if let Ok(mut looked) = self.looked.try_lock() {
                self.look(&mut looked, REFRESH).await;
            }
        } else {
            self.look(&mut *self.looked.lock().await, PAUSE).await;
        }
        self.known(kid)
    }

    fn known(&self, kid: Option<&str>) -> Option<OutsideKey> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        match (kid, keys.as_slice()) {
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
            (kid, keys) => keys.iter().find(|key| key.kid.as_deref() == kid).cloned(),
        }
    }

    /// Fetches the keys if that was `age` ago or longer. Those that are known stay when it fails.
    async fn look(&self, looked: &mut Option<Instant>, age: Duration) {
        if looked.is_some_and(|looked| looked.elapsed() < age) {
            return;
        }
        *looked = Some(Instant::now());
        match self.fetch().await {
            Ok(set) => {
                let keys = keys_of(&set);
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
            }
            Err(error) => {
                let (issuer, cause) = (&self.config.issuer, chain(error.as_ref()));
                tracing::warn!(issuer, cause, "cannot fetch the keys of an issuer");
            }
        }
    }

    async fn fetch(&self) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let bytes = match &self.config.jwks {
            JwksPlace::File(path) => tokio::fs::read(path).await?,
            JwksPlace::Url(url) => {
                let mut answer = self
                    .client
                    .get(url.clone())
                    .send()
                    .await?
                    .error_for_status()?;
                let mut bytes = Vec::new();
                while let Some(chunk) = answer.chunk().await? {
                    bytes.extend_from_slice(&chunk);
                    if bytes.len() > LARGEST {
                        return Err("the set of keys is too large".into());
                    }
                }
                bytes
            }
        };
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// The keys of a set that can verify a signature. Others, and what is no key, are left out.
fn keys_of(set: &Value) -> Vec<OutsideKey> {
    let keys = set["keys"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let read = |key: &Value| {
        let jwk: Jwk = serde_json::from_value(key.clone()).ok()?;
        Some(OutsideKey {
            algorithm: algorithm(&jwk)?,
            decoding: DecodingKey::from_jwk(&jwk).ok()?,
            kid: jwk.common.key_id,
        })
    };
    keys.iter().filter_map(read).collect()
}

/// The one algorithm that a key is for: what it says, if that is asymmetric, or what its kind
/// implies.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let implied = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => Algorithm::ES256,
            EllipticCurve::P384 => Algorithm::ES384,
            _ => return None,
        },
        _ => return None,
    };
    let Some(said) = jwk.common.key_algorithm else {
        return Some(implied);
    };
    let said = Algorithm::try_from(said).ok()?;
    let is_rsa = |algorithm: Algorithm| algorithm.family() == AlgorithmFamily::Rsa;
    (said == implied || is_rsa(said) && is_rsa(implied)).then_some(said)
}

/// The scopes that a claim names, as a text or as a list. Those that are unknown are nobody's here.
fn granted(claim: Option<&Value>) -> Scopes {
    let words: Vec<&str> = match claim {
        Some(Value::String(text)) => text.split(' ').collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let known = Scope::GRANTABLE.into_iter();
    let named = known.filter(|scope| words.contains(&scope.as_str()));
    let named: Scopes = named.collect();
    named.within(&Scopes::of_a_gpt())
}
