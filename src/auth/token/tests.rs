//! Tokens that must not be believed, and keys that change. (RFC 8725; RFC 9700)

use std::collections::BTreeSet;

use futures::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm,
};
use tempfile::TempDir;

use super::*;
use crate::store::DatabaseSettings;

const ISSUER: &str = "https://store.example";
const HOUR: Duration = Duration::from_secs(3600);

/// A store with all tables, in a folder that goes with the test.
async fn store(folder: &TempDir) -> Store {
    let url = format!("sqlite://{}/store.db", folder.path().display());
    let store = Store::connect(&DatabaseSettings::new(url)).await.unwrap();
    store.migrate().await.unwrap();
    store
}

fn tokens(store: &Store) -> Tokens {
    Tokens::new(store.clone(), b"secret", ISSUER, HOUR).unwrap()
}

fn grant() -> AccessGrant {
    AccessGrant {
        gpt_id: "alice".parse().unwrap(),
        client_id: "app_1".to_owned(),
        session_id: Uuid::now_v7(),
        key_id: Some("key_1".to_owned()),
        scopes: "objects:read".parse().unwrap(),
        until: Timestamp::now().plus(2 * HOUR),
    }
}

/// Claims that would be believed.
fn claims() -> Value {
    let now = Timestamp::now().as_seconds();
    json!({
        "iss": ISSUER, "aud": ISSUER, "sub": "key_1", "client_id": "app_1", "gpt_id": "alice",
        "sid": Uuid::now_v7(), "scope": "objects:read", "iat": now, "nbf": now, "exp": now + 60,
        "jti": Uuid::now_v7(),
    })
}

fn header(kid: &str) -> Header {
    Header {
        typ: Some(TYPE.to_owned()),
        kid: Some(kid.to_owned()),
        ..Header::new(Algorithm::ES256)
    }
}

fn foreign_key(algorithm: &'static EcdsaSigningAlgorithm) -> EncodingKey {
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    EncodingKey::from_ec_der(key.as_ref())
}

async fn refusal(tokens: &Tokens, token: &str) -> Unauthorized {
    match tokens.verify(token).await {
        Err(Error::Unauthorized(why)) => why,
        other => panic!("{token} should be refused: {other:?}"),
    }
}

#[tokio::test]
async fn says_what_it_was_issued_for() {
    let folder = TempDir::new().unwrap();
    let tokens = tokens(&store(&folder).await);
    let grant = grant();
    let issued = tokens.issue(&grant).await.unwrap();
    let header = jsonwebtoken::decode_header(&issued.token).unwrap();
    assert_eq!(
        (header.alg, header.typ.as_deref()),
        (Algorithm::ES256, Some(TYPE))
    );

    let said = tokens.verify(&issued.token).await.unwrap();
    assert_eq!(said.expires_at(), issued.expires_at);
    assert_eq!((said.iss.as_str(), said.aud.as_str()), (ISSUER, ISSUER));
    assert_eq!(
        (said.sub.as_str(), said.client_id.as_str()),
        ("key_1", "app_1")
    );
    assert_eq!(
        (said.sid, said.scope.as_str()),
        (grant.session_id, "objects:read")
    );
    assert_eq!(said.exp - said.iat, 3600);

    let soon = AccessGrant {
        key_id: None,
        until: Timestamp::now().plus(Duration::from_secs(5)),
        ..grant
    };
    let brief = tokens.issue(&soon).await.unwrap();
    assert!(brief.expires_at <= soon.until);
    let said = tokens.verify(&brief.token).await.unwrap();
    assert_eq!(said.sub, "application:app_1");
    assert_ne!(said.jti, tokens.verify(&issued.token).await.unwrap().jti);
}

#[tokio::test]
async fn claims_and_headers_that_are_not_right_are_refused() {
    let folder = TempDir::new().unwrap();
    let tokens = tokens(&store(&folder).await);
    let key = tokens.0.keys.current().await.unwrap();
    let signed = |header: &Header, claims: &Value| {
        jsonwebtoken::encode(header, claims, &key.encoding).unwrap()
    };
    let good = header(&key.id);
    assert!(tokens.verify(&signed(&good, &claims())).await.is_ok());

    let now = Timestamp::now().as_seconds();
    for (claim, value) in [
        ("aud", json!("https://other.example")),
        ("aud", json!([ISSUER, "https://other.example"])),
        ("iss", json!("https://other.example")),
        ("iss", json!(format!("{ISSUER}/"))),
        ("nbf", json!(now + 60)),
        ("exp", json!("never")),
        ("sid", json!("no-uuid")),
        ("sub", Value::Null),
        ("client_id", Value::Null),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        let why = refusal(&tokens, &signed(&good, &claims)).await;
        assert_eq!(why, Unauthorized::Unknown, "{claims}");
    }
    for claim in ["aud", "iss", "exp", "nbf", "sub"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        refusal(&tokens, &signed(&good, &claims)).await;
    }
    let mut over = claims();
    over["exp"] = json!(now - 31);
    let why = refusal(&tokens, &signed(&good, &over)).await;
    assert_eq!(why, Unauthorized::Expired);

    for header in [
        Header {
            typ: None,
            ..good.clone()
        },
        Header {
            typ: Some("JWT".to_owned()),
            ..good.clone()
        },
        Header {
            kid: None,
            ..good.clone()
        },
        header("another"),
    ] {
        let why = refusal(&tokens, &signed(&header, &claims())).await;
        assert_eq!(why, Unauthorized::Unknown, "{header:?}");
    }
    let long = Header {
        typ: Some("application/AT+JWT".to_owned()),
        ..good
    };
    assert!(tokens.verify(&signed(&long, &claims())).await.is_ok());
}

#[tokio::test]
async fn the_algorithm_is_never_the_header_s_choice() {
    let folder = TempDir::new().unwrap();
    let tokens = tokens(&store(&folder).await);
    let key = tokens.0.keys.current().await.unwrap();
    let public = |name: &str| key.jwk[name].as_str().unwrap().to_owned();
    let coordinates = [public("x"), public("y")].map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
    let point = [&[4][..], &coordinates[0], &coordinates[1]].concat();
    // The public key as the secret of an HMAC, in every form that somebody may have it in.
    for secret in [
        point.clone(),
        coordinates.concat(),
        key.jwk.to_string().into_bytes(),
        URL_SAFE_NO_PAD.encode(point).into_bytes(),
        Vec::new(),
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = Header {
                alg: algorithm,
                ..header(&key.id)
            };
            let secret = EncodingKey::from_secret(&secret);
            let forged = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
            refusal(&tokens, &forged).await;
        }
    }
    for (algorithm, foreign) in [
        (Algorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING),
        (Algorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING),
    ] {
        let header = Header {
            alg: algorithm,
            ..header(&key.id)
        };
        let forged = jsonwebtoken::encode(&header, &claims(), &foreign_key(foreign)).unwrap();
        refusal(&tokens, &forged).await;
    }
    for none in ["none", "None", "NONE", ""] {
        let header = json!({ "alg": none, "typ": TYPE, "kid": key.id }).to_string();
        let [header, claims] =
            [header, claims().to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
        for signature in ["", "AAAA"] {
            refusal(&tokens, &format!("{header}.{claims}.{signature}")).await;
        }
    }
}

#[tokio::test]
async fn a_changed_token_is_noticed() {
    let folder = TempDir::new().unwrap();
    let tokens = tokens(&store(&folder).await);
    let (one, two) = (
        tokens.issue(&grant()).await.unwrap().token,
        tokens.issue(&grant()).await.unwrap().token,
    );
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (one, two) = (parts(&one), parts(&two));
    let mut widened: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&one[1]).unwrap()).unwrap();
    widened["scope"] = json!("objects:read objects:write");
    let widened = URL_SAFE_NO_PAD.encode(widened.to_string());
    for forged in [
        format!("{}.{}.{}", one[0], two[1], one[2]),
        format!("{}.{widened}.{}", one[0], one[2]),
        format!("{}.{}.", one[0], one[1]),
        format!("{}.{}.{}", one[0], one[1], &one[2][..40]),
        format!("{}.{}.{}A", one[0], one[1], one[2]),
        format!("{}.{}", one[0], one[1]),
        "..".to_owned(),
        String::new(),
    ] {
        refusal(&tokens, &forged).await;
    }
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_verifies_to_its_end() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let (tokens, replica) = (tokens(&store), tokens(&store));
    let old = tokens.issue(&grant()).await.unwrap().token;
    assert!(replica.verify(&old).await.is_ok());

    let kid = tokens.rotate_key().await.unwrap();
    let new = tokens.issue(&grant()).await.unwrap().token;
    let signed_with = jsonwebtoken::decode_header(&new).unwrap().kid;
    assert_eq!(signed_with, Some(kid));
    assert!(tokens.verify(&old).await.is_ok());
    // A key that a replica has not seen makes it look, though not more often than once a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(replica.verify(&new).await.is_ok());

    let public = replica.jwks().await.unwrap();
    assert_eq!(public["keys"].as_array().unwrap().len(), 2);
    for key in public["keys"].as_array().unwrap() {
        let members = key.as_object().unwrap().keys().map(String::as_str);
        let members: Vec<_> = members.collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    }
    // The last token of the newer key is over at once.
    tokens.0.keys.rotate(Timestamp::now()).await.unwrap();
    refusal(&tokens, &new).await;
    assert!(tokens.verify(&old).await.is_ok());
}

#[tokio::test]
async fn replicas_that_start_at_once_believe_each_other() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let replicas: Vec<_> = (0..4).map(|_| tokens(&store)).collect();
    let grant = grant();
    let issued = join_all(replicas.iter().map(|replica| replica.issue(&grant))).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for token in issued {
        let token = token.unwrap().token;
        for replica in &replicas {
            assert!(replica.verify(&token).await.is_ok());
        }
    }
}

#[tokio::test]
async fn another_secret_makes_other_keys() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let before = tokens(&store).issue(&grant()).await.unwrap().token;
    let after = Tokens::new(store, b"another", ISSUER, HOUR).unwrap();
    let token = after.issue(&grant()).await.unwrap().token;
    assert!(after.verify(&token).await.is_ok());
    refusal(&after, &before).await;
}
