//! Who forwards for which GPT: one worker at a time, so that the order of changes is kept.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::{DueEvent, WebhookRow};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::GptId;
use crate::store::entity::events::{self, Column};
use crate::store::entity::webhooks;
use crate::store::{Store, StoreError};

/// A webhook for which a worker alone forwards, while its lease lasts.
#[derive(Clone)]
pub struct ClaimedWebhook {
    /// The webhook.
    pub webhook: WebhookRow,
    /// Names this claim among all that there ever were.
    pub(super) claim: String,
}

impl Store {
    /// Claims up to `limit` webhooks that have something to deliver at `now`, for the worker of this
    /// name until `until`; those that had their turn the longest ago come first.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn claim_webhooks(
        &self,
        worker: &str,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ClaimedWebhook>, StoreError> {
        let claim = format!("{worker}/{}", Uuid::now_v7().simple());
        let skip_locked = self.locking(" FOR UPDATE SKIP LOCKED");
        let statement = self.statement(
            format!(
                "UPDATE webhooks SET locked_by = $1, lease_until = $3 WHERE gpt_id IN ( \
                 SELECT w.gpt_id FROM webhooks w WHERE w.is_enabled AND w.run_at <= $2 \
                 AND (w.lease_until IS NULL OR w.lease_until <= $2) \
                 AND EXISTS (SELECT 1 FROM events e WHERE e.gpt_id = w.gpt_id \
                 AND e.state = 'pending' AND e.run_at <= $2) \
                 ORDER BY w.run_at LIMIT {limit}{skip_locked}) RETURNING *"
            ),
            [claim.as_str().into(), now.into(), until.into()],
        );
        let rows = self.database().writes().query_all_raw(statement).await?;
        let claimed = rows.iter().map(|row| {
            let row = webhooks::Model::from_query_result(row, "")?;
            Ok(ClaimedWebhook {
                webhook: row.try_into()?,
                claim: claim.clone(),
            })
        });
        claimed.collect()
    }

    /// Events of the GPT that are due at `now`, in the order in which those of one object are to be
    /// delivered.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn due_events(
        &self,
        gpt_id: &GptId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueEvent>, StoreError> {
        let due = events::Entity::find()
            .filter(Column::GptId.eq(gpt_id.as_str()))
            .filter(Expr::col(Column::State).eq(Expr::cust("'pending'")))
            .filter(Column::RunAt.lte(now))
            .order_by_asc(Column::RunAt)
            .order_by_asc(Column::Seq)
            .limit(u64::from(limit));
        // The bodies of all together may be more than memory should hold.
        let due = due.select_only().columns(WITHOUT_BODY);
        let due = due.column_as(Expr::cust("NULL"), "body");
        let rows = due.all(self.database().reads()).await?;
        rows.into_iter().map(DueEvent::try_from).collect()
    }

    /// The body of the object as the event found it; `None` for a deletion, or when somebody else
    /// has settled it.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn event_body(
        &self,
        gpt_id: &GptId,
        event: &DueEvent,
    ) -> Result<Option<Document>, StoreError> {
        let find = self.statement(
            "SELECT body FROM events WHERE gpt_id = $1 AND object_id = $2 AND seq = $3",
            [gpt_id.into(), event.object_id.into(), event.seq.into()],
        );
        let row = self.database().reads().query_one_raw(find).await?;
        let body = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(body.flatten())
    }

    /// Renews the lease until `until`. False when somebody else has the webhook by now.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn renew_webhook(
        &self,
        claimed: &ClaimedWebhook,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let renew = self.statement(
            "UPDATE webhooks SET lease_until = $3 WHERE gpt_id = $1 AND locked_by = $2",
            [
                (&claimed.webhook.gpt_id).into(),
                claimed.claim.as_str().into(),
                until.into(),
            ],
        );
        let renewed = self.database().writes().execute_raw(renew).await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Gives the webhook back, to be claimed again from `run_at` on, after so many deliveries in a row
    /// that failed.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn release_webhook(
        &self,
        claimed: &ClaimedWebhook,
        run_at: Timestamp,
        failures: u32,
    ) -> Result<(), StoreError> {
        let release = self.statement(
            "UPDATE webhooks SET locked_by = NULL, lease_until = NULL, run_at = $3, failures = $4 \
             WHERE gpt_id = $1 AND locked_by = $2",
            [
                (&claimed.webhook.gpt_id).into(),
                claimed.claim.as_str().into(),
                run_at.into(),
                failures.cast_signed().into(),
            ],
        );
        self.database().writes().execute_raw(release).await?;
        Ok(())
    }
}

/// What a [`DueEvent`] or an [`super::EventRow`] is made of.
pub(super) const WITHOUT_BODY: [Column; 16] = [
    Column::GptId,
    Column::ObjectId,
    Column::Seq,
    Column::ChangeId,
    Column::Kind,
    Column::Collection,
    Column::Version,
    Column::CreatedAt,
    Column::UpdatedAt,
    Column::ChangedAt,
    Column::State,
    Column::Attempts,
    Column::RunAt,
    Column::Status,
    Column::Error,
    Column::FinishedAt,
];
