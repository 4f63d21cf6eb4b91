//! Where the changes of a GPT's objects are forwarded to.
//!
//! The operator stands above tenants here, as with GPTs and keys.

use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait};

use crate::clock::Timestamp;
use crate::ids::GptId;
use crate::store::entity::webhooks;
use crate::store::transaction::{Retry, end};
use crate::store::{Store, StoreError};

/// A webhook as the database has it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// Whose changes are forwarded; a GPT has at most one webhook.
    pub gpt_id: GptId,
    /// Where to.
    pub url: String,
    /// Whether changes are noted and delivered.
    pub is_enabled: bool,
    /// Why it was switched off, when the receiver did.
    pub disabled_reason: Option<String>,
    /// What deliveries are signed with.
    pub secrets: WebhookSecrets,
    /// Deliveries that failed since the last that did not.
    pub failures: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What deliveries are signed with, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecrets {
    /// The secret.
    pub current: Vec<u8>,
    /// The one before, with which they are signed too until this moment.
    pub old: Option<(Vec<u8>, Timestamp)>,
}

/// What a webhook is to be.
#[derive(Clone)]
pub struct NewWebhook {
    /// Where to.
    pub url: String,
    /// Whether changes are noted and delivered.
    pub is_enabled: bool,
    /// The sealed secret, if it is new.
    pub secret: Vec<u8>,
}

impl TryFrom<webhooks::Model> for WebhookRow {
    type Error = StoreError;

    fn try_from(row: webhooks::Model) -> Result<Self, StoreError> {
        Ok(Self {
            gpt_id: row.gpt_id.parse().map_err(StoreError::bug)?,
            url: row.url,
            is_enabled: row.is_enabled,
            disabled_reason: row.disabled_reason,
            secrets: WebhookSecrets {
                current: row.secret,
                old: row.old_secret.zip(row.old_secret_until),
            },
            failures: row.failures.cast_unsigned(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl Store {
    /// Gives the GPT this webhook, and says whether it had none. One that is there keeps its secret,
    /// and forgets that it failed. `None` when there is no such GPT.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn put_webhook(
        &self,
        gpt_id: &GptId,
        new: &NewWebhook,
        at: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let put = self.put_webhook_within(&transaction, gpt_id, new, at).await;
            let result = end(transaction, put).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn put_webhook_within(
        &self,
        transaction: &DatabaseTransaction,
        gpt_id: &GptId,
        new: &NewWebhook,
        at: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        if !self
            .lock_gpt(transaction, gpt_id, " FOR NO KEY UPDATE")
            .await?
        {
            return Ok(None);
        }
        let find = webhooks::Entity::find_by_id(gpt_id.as_str());
        let is_new = find.one(transaction).await?.is_none();
        let put = self.statement(
            "INSERT INTO webhooks (gpt_id, url, is_enabled, secret, failures, run_at, created_at, \
             updated_at) VALUES ($1, $2, $3, $4, 0, $5, $5, $5) \
             ON CONFLICT (gpt_id) DO UPDATE SET url = excluded.url, \
             is_enabled = excluded.is_enabled, disabled_reason = NULL, failures = 0, \
             run_at = excluded.run_at, updated_at = excluded.updated_at",
            [
                gpt_id.into(),
                new.url.as_str().into(),
                new.is_enabled.into(),
                new.secret.clone().into(),
                at.into(),
            ],
        );
        transaction.execute_raw(put).await?;
        self.mark_collections(transaction, gpt_id, new.is_enabled)
            .await?;
        Ok(Some(is_new))
    }

    /// The GPT's webhook.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_webhook(&self, gpt_id: &GptId) -> Result<Option<WebhookRow>, StoreError> {
        let find = webhooks::Entity::find_by_id(gpt_id.as_str());
        let row = find.one(self.database().reads()).await?;
        row.map(WebhookRow::try_from).transpose()
    }

    /// Gives the webhook these secrets. False when there is none.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn set_webhook_secrets(
        &self,
        gpt_id: &GptId,
        secrets: &WebhookSecrets,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (old, until) = secrets.old.clone().unzip();
        let set = self.statement(
            "UPDATE webhooks SET secret = $2, old_secret = $3, old_secret_until = $4, \
             updated_at = $5 WHERE gpt_id = $1",
            [
                gpt_id.into(),
                secrets.current.clone().into(),
                old.into(),
                until.into(),
                at.into(),
            ],
        );
        let writes = self.database().writes();
        Ok(writes.execute_raw(set).await?.rows_affected() == 1)
    }

    /// Deletes the webhook, with all that it has not delivered. False when there is none.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn delete_webhook(&self, gpt_id: &GptId) -> Result<bool, StoreError> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let deleted = self.delete_webhook_within(&transaction, gpt_id).await;
            let result = end(transaction, deleted).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    /// The collections come first: who writes there now is waited for, and whoever comes later
    /// notes nothing.
    async fn delete_webhook_within(
        &self,
        transaction: &DatabaseTransaction,
        gpt_id: &GptId,
    ) -> Result<bool, StoreError> {
        self.lock_gpt(transaction, gpt_id, " FOR NO KEY UPDATE")
            .await?;
        self.mark_collections(transaction, gpt_id, false).await?;
        let delete = webhooks::Entity::delete_by_id(gpt_id.as_str());
        Ok(delete.exec(transaction).await?.rows_affected == 1)
    }

    /// Switches the webhook off, because its receiver wants no more; unless it has another URL by now.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn disable_webhook(
        &self,
        webhook: &WebhookRow,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let disabled = async {
            let gpt_id = &webhook.gpt_id;
            self.lock_gpt(&transaction, gpt_id, " FOR NO KEY UPDATE")
                .await?;
            let disable = self.statement(
                "UPDATE webhooks SET is_enabled = false, disabled_reason = $2, updated_at = $3 \
                 WHERE gpt_id = $1 AND url = $4",
                [
                    gpt_id.into(),
                    reason.into(),
                    at.into(),
                    webhook.url.as_str().into(),
                ],
            );
            if transaction.execute_raw(disable).await?.rows_affected() == 1 {
                self.mark_collections(&transaction, gpt_id, false).await?;
            }
            Ok(())
        };
        let disabled = disabled.await;
        end(transaction, disabled).await
    }

    /// Locks the GPT's row, so that no collection is made while its webhook is, or the other way
    /// round: one with ` FOR SHARE`, the other with ` FOR NO KEY UPDATE`, which foreign keys do not
    /// meet. False when there is no such GPT.
    pub(in crate::store) async fn lock_gpt(
        &self,
        transaction: &DatabaseTransaction,
        gpt_id: &GptId,
        lock: &'static str,
    ) -> Result<bool, StoreError> {
        let lock = self.locking(lock);
        let find = format!("SELECT 1 FROM gpts WHERE id = $1{lock}");
        let find = self.statement(find, [gpt_id.into()]);
        Ok(transaction.query_one_raw(find).await?.is_some())
    }

    async fn mark_collections(
        &self,
        transaction: &DatabaseTransaction,
        gpt_id: &GptId,
        is_forwarded: bool,
    ) -> Result<(), StoreError> {
        let mark = self.statement(
            "UPDATE collections SET is_forwarded = $2 WHERE gpt_id = $1 AND is_forwarded <> $2",
            [gpt_id.into(), is_forwarded.into()],
        );
        transaction.execute_raw(mark).await?;
        Ok(())
    }
}
