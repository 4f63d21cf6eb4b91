//! Issuers that are believed, and what they cannot make us believe.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::json;
use tempfile::NamedTempFile;

use super::*;

const ISSUER: &str = "https://login.example/";

/// A key of the issuer's: what signs, and what the set says.
struct Key {
    header: Header,
    private: EncodingKey,
    public: Value,
}

fn elliptic(kid: &str) -> Key {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
    let point = &pair.public_key().as_ref()[1..];
    let [x, y] = [&point[..32], &point[32..]].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    Key {
        header: header(Algorithm::ES256, kid),
        private: EncodingKey::from_ec_der(pkcs8.as_ref()),
        public: json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid }),
    }
}

fn edwards(kid: &str) -> Key {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    Key {
        header: header(Algorithm::EdDSA, kid),
        private: EncodingKey::from_ed_der(pkcs8.as_ref()),
        public: json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA" }),
    }
}

fn header(algorithm: Algorithm, kid: &str) -> Header {
    Header {
        kid: Some(kid.to_owned()),
        ..Header::new(algorithm)
    }
}

impl Key {
    fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&self.header, claims, &self.private).unwrap()
    }
}

fn claims() -> Value {
    let now = Timestamp::now().as_seconds();
    json!({
        "iss": ISSUER, "aud": "store", "sub": "user-1", "exp": now + 60,
        "tenant": "alice", "scp": ["objects:read", "admin", "email"],
    })
}

fn believing(jwks: JwksPlace) -> OutsideIssuers {
    let config = IssuerConfig {
        issuer: ISSUER.to_owned(),
        jwks,
        audience: "store".to_owned(),
        gpt_claim: "tenant".to_owned(),
        scope_claim: "scp".to_owned(),
    };
    OutsideIssuers::new(&[config]).unwrap()
}

/// The set with these keys, in a file that goes with the test.
fn in_file(keys: &[&Value]) -> (NamedTempFile, OutsideIssuers) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, json!({ "keys": keys }).to_string()).unwrap();
    let place = JwksPlace::File(file.path().to_owned());
    (file, believing(place))
}

#[tokio::test]
async fn a_token_names_its_gpt_and_its_scopes() {
    let (one, two) = (elliptic("1"), edwards("2"));
    let junk = json!({ "kty": "unheard-of", "kid": "0" });
    let (_file, issuers) = in_file(&[&junk, &one.public, &two.public]);
    for key in [&one, &two] {
        let token = issuers.verify(ISSUER, &key.sign(&claims())).await.unwrap();
        assert_eq!(
            (&*token.subject, token.gpt_id.as_str()),
            ("user-1", "alice")
        );
        assert_eq!(token.scopes, Scope::ObjectsRead.into());
    }
    let mut spaced = claims();
    spaced["scp"] = json!("files:read storage:read");
    let token = issuers.verify(ISSUER, &one.sign(&spaced)).await.unwrap();
    assert_eq!(token.scopes.to_string(), "storage:read files:read");
}

#[tokio::test]
async fn what_is_not_right_is_refused() {
    let key = elliptic("1");
    let (_file, issuers) = in_file(&[&key.public]);
    let now = Timestamp::now().as_seconds();
    for (claim, value) in [
        ("aud", json!("another")),
        ("iss", json!("https://evil.example/")),
        ("exp", json!(now - 60)),
        ("nbf", json!(now + 60)),
        ("sub", Value::Null),
        ("tenant", Value::Null),
        ("tenant", json!("no/name")),
        ("tenant", json!(["alice"])),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        let verified = issuers.verify(ISSUER, &key.sign(&claims)).await;
        assert!(matches!(verified, Err(Error::Unauthorized(_))), "{claims}");
    }
    let good = key.sign(&claims());
    assert!(issuers.verify(ISSUER, &good).await.is_ok());
    assert!(
        issuers
            .verify("https://evil.example/", &good)
            .await
            .is_err()
    );
    let forged = elliptic("1").sign(&claims());
    assert!(issuers.verify(ISSUER, &forged).await.is_err());
}

/// A set that has a symmetric key, or is taken for one, must verify no HMAC.
#[tokio::test]
async fn only_asymmetric_keys_are_believed() {
    let key = elliptic("1");
    let secret = b"a shared secret of thirty-two by";
    let symmetric =
        json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(secret), "kid": "2", "alg": "HS256" });
    let mut mistaken = key.public.clone();
    mistaken["alg"] = json!("HS256");
    mistaken["kid"] = json!("3");
    let (_file, issuers) = in_file(&[&key.public, &symmetric, &mistaken]);
    let point = key.public["x"].as_str().unwrap();
    for (kid, secret) in [
        ("1", point.as_bytes()),
        ("2", secret),
        ("3", point.as_bytes()),
    ] {
        let hmac = Key {
            header: header(Algorithm::HS256, kid),
            private: EncodingKey::from_secret(secret),
            public: Value::Null,
        };
        let verified = issuers.verify(ISSUER, &hmac.sign(&claims())).await;
        assert!(verified.is_err(), "{kid}");
    }
}

/// Serves `body` to whoever asks, and counts.
fn serve(body: String) -> (url::Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
        }
    });
    (url.parse().unwrap(), asked)
}

#[tokio::test]
async fn keys_are_fetched_once_and_unknown_ones_do_not_hammer() {
    let key = elliptic("1");
    let (url, asked) = serve(json!({ "keys": [key.public] }).to_string());
    let issuers = believing(JwksPlace::Url(url));
    for _ in 0..3 {
        assert!(issuers.verify(ISSUER, &key.sign(&claims())).await.is_ok());
        let unknown = elliptic("2").sign(&claims());
        assert!(issuers.verify(ISSUER, &unknown).await.is_err());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_set_that_is_too_large_is_no_set() {
    let key = elliptic("1");
    let padding = "x".repeat(LARGEST);
    let (url, _) = serve(json!({ "keys": [key.public], "padding": padding }).to_string());
    let issuers = believing(JwksPlace::Url(url));
    assert!(issuers.verify(ISSUER, &key.sign(&claims())).await.is_err());
}
