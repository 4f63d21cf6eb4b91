//! The operations on webhooks, and on what they deliver.

use std::time::Duration;

use uuid::Uuid;

use super::generated::defaults;
use super::generated::operations::{
    DeleteWebhookParams, DeleteWebhookReply, GetWebhookParams, GetWebhookReply,
    ListWebhookEventsParams, ListWebhookEventsReply, PutWebhookParams, PutWebhookReply,
    RetryWebhookEventsParams, RetryWebhookEventsReply, RotateWebhookSecretParams,
    RotateWebhookSecretReply, WebhooksHandlers,
};
use super::generated::types::{self, WebhookEventState};
use super::gpts::gpt_id;
use super::lists::page_limit;
use crate::api::Handlers;
use crate::api::problem::Problem;
use crate::auth::Operator;
use crate::clock::Timestamp;
use crate::service::{EventQuery, EventRow, EventState, IssuedWebhook, WebhookRow};

impl WebhooksHandlers for Handlers {
    async fn put_webhook(
        &self,
        _operator: Operator,
        request: PutWebhookParams,
    ) -> Result<PutWebhookReply, Problem> {
        let gpt_id = gpt_id("gpt_id", &request.gpt_id)?;
        let is_enabled = request.body.is_enabled.unwrap_or(true);
        let url = request.body.url.as_str();
        let put = self.service.put_webhook(&gpt_id, url, is_enabled).await?;
        Ok(match put.secret.is_some() {
            true => PutWebhookReply::Created { body: put.into() },
            false => PutWebhookReply::Ok { body: put.into() },
        })
    }

    async fn get_webhook(
        &self,
        _operator: Operator,
        request: GetWebhookParams,
    ) -> Result<GetWebhookReply, Problem> {
        let gpt_id = gpt_id("gpt_id", &request.gpt_id)?;
        let body = self.service.get_webhook(&gpt_id).await?.into();
        Ok(GetWebhookReply::Ok { body })
    }

    async fn delete_webhook(
        &self,
        _operator: Operator,
        request: DeleteWebhookParams,
    ) -> Result<DeleteWebhookReply, Problem> {
        let gpt_id = gpt_id("gpt_id", &request.gpt_id)?;
        self.service.delete_webhook(&gpt_id).await?;
        Ok(DeleteWebhookReply::NoContent)
    }

    async fn rotate_webhook_secret(
        &self,
        _operator: Operator,
        request: RotateWebhookSecretParams,
    ) -> Result<RotateWebhookSecretReply, Problem> {
        let gpt_id = gpt_id("gpt_id", &request.gpt_id)?;
        let seconds = request.body.keep_old_seconds.unwrap_or(0);
        let keep_old = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let rotated = self.service.rotate_webhook_secret(&gpt_id, keep_old);
        let body = rotated.await?.into();
        Ok(RotateWebhookSecretReply::Ok { body })
    }

    async fn list_webhook_events(
        &self,
        _operator: Operator,
        request: ListWebhookEventsParams,
    ) -> Result<ListWebhookEventsReply, Problem> {
        let state = request.state.map(EventState::from);
        let filters = [Some(request.gpt_id.as_str()), state.map(EventState::as_str)];
        let list = self.filtered("list_webhook_events", &filters);
        let after: Option<(Timestamp, Uuid)> = list.after(request.cursor.as_deref())?;
        let query = EventQuery {
            gpt_id: gpt_id("gpt_id", &request.gpt_id)?,
            state,
            after,
            limit: page_limit(request.limit, defaults::LIST_WEBHOOK_EVENTS_LIMIT),
        };
        let rows = self.service.list_events(query).await?;
        let place = |row: &EventRow| (row.event.changed_at, row.event.object_id);
        let next_cursor = list.next(&rows, place);
        Ok(ListWebhookEventsReply::Ok {
            body: types::WebhookEventPage {
                has_more: rows.has_more,
                items: rows.items.into_iter().map(Into::into).collect(),
                next_cursor,
            },
        })
    }

    async fn retry_webhook_events(
        &self,
        _operator: Operator,
        request: RetryWebhookEventsParams,
    ) -> Result<RetryWebhookEventsReply, Problem> {
        let gpt_id = gpt_id("gpt_id", &request.gpt_id)?;
        let retried = self.service.retry_failed_events(&gpt_id).await?;
        let retried = i64::try_from(retried).unwrap_or(i64::MAX);
        Ok(RetryWebhookEventsReply::Ok {
            body: types::RetriedEvents { retried },
        })
    }
}

impl From<WebhookEventState> for EventState {
    fn from(state: WebhookEventState) -> Self {
        match state {
            WebhookEventState::Pending => Self::Pending,
            WebhookEventState::Delivered => Self::Delivered,
            WebhookEventState::Failed => Self::Failed,
        }
    }
}

impl From<EventState> for WebhookEventState {
    fn from(state: EventState) -> Self {
        match state {
            EventState::Pending => Self::Pending,
            EventState::Delivered => Self::Delivered,
            EventState::Failed => Self::Failed,
        }
    }
}

impl From<WebhookRow> for types::Webhook {
    fn from(row: WebhookRow) -> Self {
        Self {
            gpt_id: row.gpt_id.to_string(),
            url: row.url,
            is_enabled: row.is_enabled,
            disabled_reason: row.disabled_reason,
            failures: row.failures.cast_signed(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<IssuedWebhook> for types::IssuedWebhook {
    fn from(issued: IssuedWebhook) -> Self {
        let shown = types::Webhook::from(issued.row);
        Self {
            secret: issued.secret,
            gpt_id: shown.gpt_id,
            url: shown.url,
            is_enabled: shown.is_enabled,
            disabled_reason: shown.disabled_reason,
            failures: shown.failures,
            created_at: shown.created_at,
            updated_at: shown.updated_at,
        }
    }
}

impl From<EventRow> for types::WebhookEvent {
    fn from(row: EventRow) -> Self {
        let is_pending = row.state == EventState::Pending;
        let event = row.event;
        Self {
            id: event.message_id(),
            change_id: event.change_id,
            r#type: event.kind.message_type().to_owned(),
            object_id: event.object_id,
            collection: event.collection.to_string(),
            version: event.version,
            state: row.state.into(),
            attempts: event.attempts.cast_signed(),
            status: row.status.map(i32::from),
            error: row.error,
            changed_at: event.changed_at,
            next_attempt_at: is_pending.then_some(row.run_at),
            finished_at: row.finished_at,
        }
    }
}
