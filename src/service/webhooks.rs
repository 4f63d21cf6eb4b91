//! Webhooks: where the changes of a GPT's objects are forwarded to, as the operator sees and changes
//! them, and what the forwarder needs of them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::Service;
use super::pages::Rows;
use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::GptId;
use crate::receivers::Receivers;
use crate::seal::Seal;
use crate::store::{EventQuery, EventRow, NewWebhook, WebhookRow, WebhookSecrets};

/// What secrets are sealed for.
const PURPOSE: &str = "gpt-object-store: webhooks";
/// Bytes of a secret: Standard Webhooks asks for 24 to 64.
const SECRET_BYTES: usize = 32;
/// How secrets begin, so that they are known as such.
const PREFIX: &str = "whsec_";
/// How long it is known what was delivered.
const DELIVERED_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is needed for webhooks besides the database.
pub(super) struct Webhooks {
    seal: Seal,
    receivers: Receivers,
}

/// A webhook, and its secret when that is new.
pub struct IssuedWebhook {
    /// The webhook.
    pub row: WebhookRow,
    /// What deliveries are signed with, in clear, as Standard Webhooks writes it.
    pub secret: Option<String>,
}

impl Service {
    /// The same service, which forwards changes to `receivers` and seals under `secret`, which all
    /// replicas share.
    ///
    /// # Errors
    /// Never in practice, as with every key that is derived.
    pub fn with_webhooks(mut self, secret: &[u8], receivers: Receivers) -> Result<Self, Error> {
        let seal = Seal::new(secret, PURPOSE)?;
        self.webhooks = Some(Webhooks { seal, receivers }.into());
        Ok(self)
    }

    fn webhooks(&self) -> Result<&Webhooks, Error> {
        let webhooks = self.webhooks.as_deref();
        webhooks.ok_or_else(|| Error::Internal("the service knows no webhooks".into()))
    }

    /// Notes that the call changed something that is forwarded, and tells the forwarder.
    pub(super) async fn forward(&self, caller: &Caller, change_id: Uuid) {
        caller.forwarded().note(change_id);
        self.queue.announce_changes().await;
    }

    /// Forwards the GPT's changes to `url`. A webhook that is there keeps its secret.
    ///
    /// # Errors
    /// [`Error::GptNotFound`]; [`Error::Invalid`] when there may not be such a receiver; the store's.
    pub async fn put_webhook(
        &self,
        gpt_id: &GptId,
        url: &str,
        is_enabled: bool,
    ) -> Result<IssuedWebhook, Error> {
        let webhooks = self.webhooks()?;
        let checked = webhooks.receivers.check(url);
        let url = checked.map_err(|refused| Error::invalid("/url", refused.to_string()))?;
        let fresh = new_secret()?;
        let new = NewWebhook {
            url: url.into(),
            is_enabled,
            secret: webhooks.seal.seal(gpt_id.as_str(), &fresh)?,
        };
        let put = self
            .store
            .put_webhook(gpt_id, &new, Timestamp::now())
            .await?;
        let is_new = put.ok_or(Error::GptNotFound)?;
        self.queue.announce_changes().await;
        Ok(IssuedWebhook {
            row: self.get_webhook(gpt_id).await?,
            secret: is_new.then(|| in_clear(&fresh)),
        })
    }

    /// The GPT's webhook.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; the store's.
    pub async fn get_webhook(&self, gpt_id: &GptId) -> Result<WebhookRow, Error> {
        let found = self.store.get_webhook(gpt_id).await?;
        found.ok_or(Error::WebhookNotFound)
    }

    /// Gives the webhook a new secret. Deliveries are signed with the old one too for so long.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; the store's.
    pub async fn rotate_webhook_secret(
        &self,
        gpt_id: &GptId,
        keep_old: Duration,
    ) -> Result<IssuedWebhook, Error> {
        let webhooks = self.webhooks()?;
        let before = self.get_webhook(gpt_id).await?;
        let (fresh, now) = (new_secret()?, Timestamp::now());
        let old = (before.secrets.current, now.plus(keep_old));
        let secrets = WebhookSecrets {
            current: webhooks.seal.seal(gpt_id.as_str(), &fresh)?,
            old: (!keep_old.is_zero()).then_some(old),
        };
        if !self
            .store
            .set_webhook_secrets(gpt_id, &secrets, now)
            .await?
        {
            return Err(Error::WebhookNotFound);
        }
        Ok(IssuedWebhook {
            row: self.get_webhook(gpt_id).await?,
            secret: Some(in_clear(&fresh)),
        })
    }

    /// Deletes the webhook, with all that it has not delivered.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; the store's.
    pub async fn delete_webhook(&self, gpt_id: &GptId) -> Result<(), Error> {
        let deleted = self.store.delete_webhook(gpt_id).await?;
        deleted.then_some(()).ok_or(Error::WebhookNotFound)
    }

    /// A page of events, the latest first.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; the store's.
    pub async fn list_events(&self, query: EventQuery) -> Result<Rows<EventRow>, Error> {
        self.get_webhook(&query.gpt_id).await?;
        let limit = query.limit;
        let read = EventQuery {
            limit: Rows::<EventRow>::to_read(limit),
            ..query
        };
        Ok(Rows::cut(self.store.list_events(&read).await?, limit))
    }

    /// Lets the dead letters be delivered again. Says how many there were.
    ///
    /// # Errors
    /// [`Error::WebhookNotFound`]; the store's.
    pub async fn retry_failed_events(&self, gpt_id: &GptId) -> Result<u64, Error> {
        self.get_webhook(gpt_id).await?;
        let retried = self.store.retry_failed_events(gpt_id).await?;
        self.queue.announce_changes().await;
        Ok(retried)
    }

    /// Forgets events of changes longer than `keep` ago, and sooner those that were delivered. Says
    /// how many.
    ///
    /// # Errors
    /// The store's.
    pub async fn prune_events(&self, keep: Duration) -> Result<u64, Error> {
        let now = Timestamp::now();
        let delivered = now.minus(DELIVERED_MEMORY.min(keep));
        let (pruned, lost) = self.store.prune_events(delivered, now.minus(keep)).await?;
        if lost > 0 {
            tracing::warn!(lost, "changes were forgotten that nobody took");
        }
        Ok(pruned)
    }

    /// The keys that deliveries to this webhook are signed with; `None` when they were sealed under
    /// another SECRET_KEY.
    ///
    /// # Errors
    /// [`Error::Internal`] when the service knows no webhooks.
    pub fn webhook_keys(&self, row: &WebhookRow) -> Result<Option<Vec<Vec<u8>>>, Error> {
        let seal = &self.webhooks()?.seal;
        let name = row.gpt_id.as_str();
        let old = row.secrets.old.iter();
        let old = old.filter(|(_, until)| *until > Timestamp::now());
        let sealed = [&row.secrets.current]
            .into_iter()
            .chain(old.map(|(secret, _)| secret));
        Ok(sealed.map(|secret| seal.open(name, secret)).collect())
    }

    /// Who may receive changes.
    ///
    /// # Errors
    /// [`Error::Internal`] when the service knows no webhooks.
    pub fn receivers(&self) -> Result<&Receivers, Error> {
        Ok(&self.webhooks()?.receivers)
    }
}

fn new_secret() -> Result<[u8; SECRET_BYTES], Error> {
    let mut fresh = [0; SECRET_BYTES];
    getrandom::fill(&mut fresh).map_err(|error| Error::Internal(Box::new(error)))?;
    Ok(fresh)
}

fn in_clear(secret: &[u8]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(secret))
}
