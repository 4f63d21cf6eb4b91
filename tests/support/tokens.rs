//! Applications that have been granted a token, without the way over a person's consent.

use std::time::Duration;

use gpt_object_store::auth::{AccessGrant, Tokens};
use gpt_object_store::clock::Timestamp;
use gpt_object_store::ids::Tenant;
use gpt_object_store::service::{NewApplication, Service};
use gpt_object_store::store::{GrantType, NewSession, Store};
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3600);

/// An application, its session, and a token that is good for an hour.
pub struct Granted {
    pub client_id: String,
    pub session_id: Uuid,
    pub token: String,
}

/// An application of `gpt_id`, to be made.
pub fn application(gpt_id: &str, scopes: &str, collections: Option<&[&str]>) -> NewApplication {
    let names = collections.map(|names| names.iter().map(|name| name.parse().unwrap()).collect());
    NewApplication {
        gpt_id: gpt_id.parse().unwrap(),
        name: "a test's".to_owned(),
        is_public: false,
        scopes: scopes.parse().unwrap(),
        collections: names,
        redirect_uris: Vec::new(),
        rate_limits: None,
    }
}

/// The tokens of the server that calls itself `public_url`, over the same database.
pub async fn tokens(store: &Store, public_url: &str) -> Tokens {
    // The server has made it already; a test without one makes it.
    let secret = store.get_or_insert_setting("secret_key", vec![7; 32]);
    Tokens::new(store.clone(), &secret.await.unwrap(), public_url, HOUR).unwrap()
}

/// Makes the application and grants it all that it may have; `key_id` stands behind it.
pub async fn grant(
    service: &Service,
    store: &Store,
    public_url: &str,
    new: NewApplication,
    key_id: Option<&str>,
) -> Granted {
    let scopes = new.scopes.clone();
    let made = service.create_application(new).await.unwrap().unwrap().row;
    let now = Timestamp::now();
    let session = NewSession {
        id: Uuid::now_v7(),
        application_id: made.id,
        grant_type: match key_id {
            None => GrantType::ClientCredentials,
            Some(_) => GrantType::AuthorizationCode,
        },
        key_id: key_id.map(str::to_owned),
        scopes: scopes.to_string(),
        created_at: now,
        expires_at: now.plus(HOUR),
        refresh_token: None,
    };
    let tenant = Tenant::vouched(made.gpt_id.clone());
    store
        .open_session(&tenant, &session)
        .await
        .unwrap()
        .unwrap();
    let grant = AccessGrant {
        gpt_id: made.gpt_id,
        client_id: made.client_id.clone(),
        session_id: session.id,
        key_id: session.key_id,
        scopes,
        until: session.expires_at,
    };
    let issued = tokens(store, public_url).await.issue(&grant).await.unwrap();
    Granted {
        client_id: made.client_id,
        session_id: session.id,
        token: issued.token,
    }
}
