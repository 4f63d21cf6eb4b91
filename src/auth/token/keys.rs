//! The keys that sign access tokens: made on first use, sealed in the database, shared by replicas.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, MutexGuard};

use super::internal;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::seal::Seal;
use crate::store::{SigningKeyRow, Store};

/// What keys are sealed for.
const PURPOSE: &str = "gpt-object-store: signing keys";
/// How often a replica looks what the others have done.
const REFRESH: Duration = Duration::from_secs(60);
/// How long a replica waits, after a look, before an unknown key makes it look again.
const PAUSE: Duration = Duration::from_secs(1);

/// A key on the curve P-256.
pub(super) struct SigningKey {
    /// Its `kid`: the thumbprint of RFC 7638.
    pub(super) id: String,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
    /// The public half (RFC 7517).
    pub(super) jwk: Value,
    retires_at: Option<Timestamp>,
}

/// All keys that are not retired.
pub(super) struct SigningKeys {
    store: Store,
    seal: Seal,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    looked: Option<Instant>,
    /// Oldest first.
    keys: Vec<Arc<SigningKey>>,
}

impl Known {
    fn is_older_than(&self, age: Duration) -> bool {
        self.looked.is_none_or(|looked| looked.elapsed() >= age)
    }

    fn find(&self, kid: &str) -> Option<Arc<SigningKey>> {
        let now = Timestamp::now();
        let good = |key: &&Arc<SigningKey>| {
            key.id == kid && key.retires_at.is_none_or(|retires_at| retires_at > now)
        };
        self.keys.iter().find(good).cloned()
    }

    /// The latest of those that sign.
    fn current(&self) -> Option<Arc<SigningKey>> {
        let mut signing = self.keys.iter().filter(|key| key.retires_at.is_none());
        signing.next_back().cloned()
    }
}

impl SigningKeys {
    pub(super) fn new(store: Store, secret: &[u8]) -> Result<Self, Error> {
        Ok(Self {
            store,
            seal: Seal::new(secret, PURPOSE)?,
            known: Mutex::default(),
        })
    }

    /// The key to sign with.
    pub(super) async fn current(&self) -> Result<Arc<SigningKey>, Error> {
        let mut known = self.fresh(REFRESH).await?;
        if let Some(key) = known.current() {
            return Ok(key);
        }
        self.make().await?;
        // Another replica may have made one at the same moment: both take the later one.
        self.look(&mut known).await?;
        known
            .current()
            .ok_or_else(|| Error::Internal("a signing key vanished".into()))
    }

    /// The key to verify with; `None` when it is unknown or retired.
    pub(super) async fn find(&self, kid: &str) -> Result<Option<Arc<SigningKey>>, Error> {
        let known = self.fresh(REFRESH).await?;
        if let Some(key) = known.find(kid) {
            return Ok(Some(key));
        }
        drop(known);
        Ok(self.fresh(PAUSE).await?.find(kid))
    }

    /// The keys to verify with, of which there is at least one.
    pub(super) async fn all(&self) -> Result<Vec<Arc<SigningKey>>, Error> {
        self.current().await?;
        Ok(self.known.lock().await.keys.clone())
    }

    /// Makes a key that signs from now on, and lets the others verify until `retires_at`.
    pub(super) async fn rotate(&self, retires_at: Timestamp) -> Result<String, Error> {
        let mut known = self.known.lock().await;
        let id = self.make().await?;
        self.store.retire_signing_keys(&id, retires_at).await?;
        self.look(&mut known).await?;
        Ok(id)
    }

    /// What is known, as of at most `age` ago.
    async fn fresh(&self, age: Duration) -> Result<MutexGuard<'_, Known>, Error> {
        let mut known = self.known.lock().await;
        if known.is_older_than(age) {
            self.look(&mut known).await?;
        }
        Ok(known)
    }

    async fn look(&self, known: &mut Known) -> Result<(), Error> {
        let rows = self.store.list_signing_keys(Timestamp::now()).await?;
        known.keys = rows.iter().filter_map(|row| self.open(row)).collect();
        known.looked = Some(Instant::now());
        Ok(())
    }

    /// `None` when the server's secret is another than it was; then new keys are made.
    fn open(&self, row: &SigningKeyRow) -> Option<Arc<SigningKey>> {
        let opened = self.seal.open(&row.id, &row.private_key);
        let key = opened.and_then(|private_key| signing_key(&private_key, row));
        if key.is_none() {
            let id = &row.id;
            tracing::warn!(id, "a signing key was sealed under another SECRET_KEY");
        }
        key.map(Arc::new)
    }

    async fn make(&self) -> Result<String, Error> {
        let random = SystemRandom::new();
        let private_key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let private_key = private_key.map_err(internal)?;
        let public = public_key(private_key.as_ref());
        let public = public.ok_or_else(|| Error::Internal("a new key cannot be read".into()))?;
        let id = thumbprint(&public);
        let row = SigningKeyRow {
            private_key: self.seal.seal(&id, private_key.as_ref())?,
            id: id.clone(),
            created_at: Timestamp::now(),
            retires_at: None,
        };
        self.store.insert_signing_key(&row).await?;
        Ok(id)
    }
}

fn signing_key(private_key: &[u8], row: &SigningKeyRow) -> Option<SigningKey> {
    let (x, y) = public_key(private_key)?;
    Some(SigningKey {
        id: row.id.clone(),
        encoding: EncodingKey::from_ec_der(private_key),
        decoding: DecodingKey::from_ec_components(&x, &y).ok()?,
        jwk: json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y,
            "kid": row.id, "alg": "ES256", "use": "sig",
        }),
        retires_at: row.retires_at,
    })
}

/// The two coordinates, in base64url.
fn public_key(private_key: &[u8]) -> Option<(String, String)> {
    const COORDINATE: usize = 32;
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private_key, &random);
    let pair = pair.ok()?;
    // An uncompressed point begins with a 4 (SEC 1, 2.3.3).
    let point = pair.public_key().as_ref().get(1..)?;
    let (x, y) = point.split_at_checked(COORDINATE)?;
    Some((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
}

/// RFC 7638: SHA-256 of the members that make the key, in this order.
fn thumbprint((x, y): &(String, String)) -> String {
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}
