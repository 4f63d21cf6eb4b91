//! Tokens that must stop, without HTTP: on the node that ended them at once, and on others soon.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gpt_object_store::auth::{Authenticator, OutsideIssuers, Scope, Who};
use gpt_object_store::clock::Timestamp;
use gpt_object_store::config::{Config, IssuerConfig, JwksPlace, Source};
use gpt_object_store::error::{Error, Unauthorized};
use gpt_object_store::service::{ApplicationUpdate, KeyRequest, Service};
use gpt_object_store::store::{DatabaseSettings, Store};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::time::sleep;

use super::on_each_database;
use crate::support::cluster::ScratchDatabase;
use crate::support::tokens::{Granted, application, grant, tokens};

const PUBLIC_URL: &str = "https://store.example";

/// A node on the database, with the GPT `alice`.
struct Node {
    store: Store,
    service: Service,
    authenticator: Authenticator,
}

impl Node {
    async fn on(database: &ScratchDatabase) -> Self {
        Self::believing(database, OutsideIssuers::default()).await
    }

    async fn believing(database: &ScratchDatabase, outside: OutsideIssuers) -> Self {
        let store = Store::connect(&DatabaseSettings::new(database.url())).await;
        let store = store.unwrap();
        store.migrate().await.unwrap();
        let limits = Config::read(Source::new(BTreeMap::new())).unwrap().limits;
        let tokens = tokens(&store, PUBLIC_URL).await;
        let service = Service::new(store.clone(), limits).with_tokens(tokens.clone());
        let gpt_id = "alice".parse().unwrap();
        service.create_gpt(&gpt_id, "Alice").await.unwrap();
        let revocations = service.revocations().clone();
        let authenticator = Authenticator::new(store.clone(), tokens, outside, revocations);
        Self {
            store,
            service,
            authenticator,
        }
    }

    async fn granted(&self, key_id: Option<&str>) -> Granted {
        let new = application("alice", "objects:read objects:write", None);
        grant(&self.service, &self.store, PUBLIC_URL, new, key_id).await
    }

    async fn refusal(&self, token: &str) -> Option<Unauthorized> {
        match self.authenticator.verify(token).await {
            Ok(_) => None,
            Err(Error::Unauthorized(why)) => Some(why),
            Err(error) => panic!("{error}"),
        }
    }

    async fn key(&self, scopes: &str) -> String {
        let request = KeyRequest {
            gpt_id: Some("alice".parse().unwrap()),
            name: "a person's".to_owned(),
            scopes: scopes.parse().unwrap(),
            expires_at: None,
            rate_limits: None,
        };
        self.service
            .issue_key(request)
            .await
            .unwrap()
            .unwrap()
            .row
            .id
    }
}

on_each_database!(a_token_ends_with_its_session_application_or_key);

async fn a_token_ends_with_its_session_application_or_key(database: ScratchDatabase) {
    let (node, other) = (Node::on(&database).await, Node::on(&database).await);
    let key_id = node.key("objects:read").await;
    let granted = [
        node.granted(None).await,
        node.granted(None).await,
        node.granted(Some(&key_id)).await,
    ];
    for granted in &granted {
        for node in [&node, &other] {
            assert_eq!(node.refusal(&granted.token).await, None);
        }
    }
    let [ended, revoked, orphan] = &granted;
    node.service
        .end_session(ended.session_id)
        .await
        .unwrap()
        .unwrap();
    let client_id = &revoked.client_id;
    node.service
        .revoke_application(client_id)
        .await
        .unwrap()
        .unwrap();
    let ended_key = node.service.revoke_key(&key_id).await.unwrap();
    assert!(ended_key.is_some());
    for granted in [ended, revoked, orphan] {
        let why = node.refusal(&granted.token).await;
        assert_eq!(why, Some(Unauthorized::Revoked));
    }
    sleep(Duration::from_millis(4500)).await;
    for granted in [ended, revoked, orphan] {
        let why = other.refusal(&granted.token).await;
        assert_eq!(why, Some(Unauthorized::Revoked));
    }
}

on_each_database!(a_token_can_do_what_all_allow_today);

async fn a_token_can_do_what_all_allow_today(database: ScratchDatabase) {
    let node = Node::on(&database).await;
    let key_id = node.key("objects:read storage:read").await;
    let granted = node.granted(Some(&key_id)).await;
    let principal = node.authenticator.verify(&granted.token).await.unwrap();
    assert_eq!(principal.scopes, Scope::ObjectsRead.into());
    assert_eq!(principal.who.bucket(), granted.client_id);
    assert_eq!(principal.who.key_id(), Some(&*key_id));
    assert_eq!(principal.who.session_id(), Some(granted.session_id));
    assert!(matches!(principal.who, Who::Application { .. }));

    let update = ApplicationUpdate {
        scopes: Some("storage:read".parse().unwrap()),
        collections: Some(Some(vec!["notes".parse().unwrap()])),
        rate_limits: Some(Some("key:1/m".parse().unwrap())),
        ..ApplicationUpdate::default()
    };
    let client_id = &granted.client_id;
    node.service
        .update_application(client_id, update)
        .await
        .unwrap()
        .unwrap();
    let principal = node.authenticator.verify(&granted.token).await.unwrap();
    assert!(principal.scopes.is_empty());
    assert_eq!(principal.collections.as_ref().unwrap().len(), 1);
    assert!(principal.rate_limits.is_some());
}

on_each_database!(uses_are_noted_in_batches);

async fn uses_are_noted_in_batches(database: ScratchDatabase) {
    let node = Node::on(&database).await;
    let granted = node.granted(None).await;
    node.authenticator.verify(&granted.token).await.unwrap();
    node.authenticator.flush_last_used().await.unwrap();
    let row = node
        .service
        .get_application(&granted.client_id)
        .await
        .unwrap();
    let row = row.unwrap();
    assert!(row.last_used > Some(row.created_at));
    let tenant = gpt_object_store::ids::Tenant::vouched(row.gpt_id);
    let session = node.store.find_session(&tenant, granted.session_id).await;
    let session = session.unwrap().unwrap().session;
    assert_eq!(Some(session.last_activity), row.last_used);
}

on_each_database!(an_outside_token_acts_for_a_gpt_that_is_there);

async fn an_outside_token_acts_for_a_gpt_that_is_there(database: ScratchDatabase) {
    let issuer = OutsideIssuer::new();
    let node = Node::believing(&database, issuer.believed()).await;
    let principal = node
        .authenticator
        .verify(&issuer.token("alice"))
        .await
        .unwrap();
    assert_eq!(principal.gpt_id.as_ref().unwrap().as_str(), "alice");
    assert_eq!(principal.scopes, Scope::ObjectsRead.into());
    assert_eq!(principal.who.bucket(), "https://login.example/ user-1");
    assert_eq!(principal.who.key_id(), None);

    let of_nobody = node.refusal(&issuer.token("nobody")).await;
    assert_eq!(of_nobody, Some(Unauthorized::Unknown));
    let unbelieved = Node::on(&database)
        .await
        .refusal(&issuer.token("alice"))
        .await;
    assert_eq!(unbelieved, Some(Unauthorized::Unknown));
}

/// An issuer whose only key is in a file.
struct OutsideIssuer {
    key: EncodingKey,
    file: NamedTempFile,
}

impl OutsideIssuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let [x, y] = [&point[..32], &point[32..]].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let set = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": x, "y": y }] });
        let file = NamedTempFile::new().unwrap();
        std::fs::write(&file, set.to_string()).unwrap();
        Self {
            key: EncodingKey::from_ec_der(pkcs8.as_ref()),
            file,
        }
    }

    fn believed(&self) -> OutsideIssuers {
        let config = IssuerConfig {
            issuer: "https://login.example/".to_owned(),
            jwks: JwksPlace::File(self.file.path().to_owned()),
            audience: PUBLIC_URL.to_owned(),
            gpt_claim: "gpt_id".to_owned(),
            scope_claim: "scope".to_owned(),
        };
        OutsideIssuers::new(&[config]).unwrap()
    }

    fn token(&self, gpt_id: &str) -> String {
        let claims = json!({
            "iss": "https://login.example/", "aud": PUBLIC_URL, "sub": "user-1", "gpt_id": gpt_id,
            "scope": "objects:read admin", "exp": Timestamp::now().as_seconds() + 60,
        });
        jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.key).unwrap()
    }
}
