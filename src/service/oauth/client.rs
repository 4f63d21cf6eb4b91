//! Clients: the applications, once they showed who they are.

use super::OAuth;
use super::refusal::{GrantError, Refusal, RefusalCode};
use crate::auth::ClientSecret;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::{GptId, Tenant};
use crate::store::ApplicationRow;

/// An application that showed who it is, or a public one, which cannot.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) application: ApplicationRow,
    pub(super) tenant: Tenant,
}

impl Client {
    /// The name by which it asks for tokens.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.application.client_id
    }

    /// The GPT whose data it may be granted.
    #[must_use]
    pub fn gpt_id(&self) -> &GptId {
        &self.application.gpt_id
    }

    /// Whether it proved who it is.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        !self.application.is_public
    }
}

impl OAuth {
    /// The client with this id, if `secret` is its own, or it is public and shows none.
    ///
    /// # Errors
    /// `invalid_client` otherwise, whatever is wrong; the store's.
    pub async fn authenticate_client(
        &self,
        client_id: &str,
        secret: Option<&str>,
    ) -> Result<Client, GrantError> {
        let found = self.find_live_application(client_id).await?;
        let now = Timestamp::now();
        let known = found.filter(|application| shows_itself(application, secret, now));
        let application = known.ok_or_else(|| {
            Refusal::new(
                RefusalCode::InvalidClient,
                "The client is not known, or its secret is not the right one.",
            )
        })?;
        let tenant = Tenant::vouched(application.gpt_id.clone());
        Ok(Client {
            application,
            tenant,
        })
    }

    /// The application with this client id, unless it was revoked.
    pub(super) async fn find_live_application(
        &self,
        client_id: &str,
    ) -> Result<Option<ApplicationRow>, Error> {
        // What no client id looks like need not reach the database, which would choke on some of it.
        if !client_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(None);
        }
        let found = self.store.find_client(client_id).await?;
        Ok(found.filter(|application| application.revoked_at.is_none()))
    }
}

fn shows_itself(application: &ApplicationRow, secret: Option<&str>, now: Timestamp) -> bool {
    let (own, secret) = match (application.secret_hash, secret) {
        (None, None) => return application.is_public,
        (Some(own), Some(secret)) => (own, secret),
        _ => return false,
    };
    let Some(shown) = ClientSecret::parse(secret) else {
        return false;
    };
    let previous = application.previous_secret.filter(|(_, end)| *end > now);
    shown.matches(&own) || previous.is_some_and(|(hash, _)| shown.matches(&hash))
}
