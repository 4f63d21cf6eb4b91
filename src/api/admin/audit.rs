//! The record of calls.

use uuid::Uuid;

use super::generated::defaults;
use super::generated::operations::{AuditHandlers, ListAuditEntriesParams, ListAuditEntriesReply};
use super::generated::types::{self, StatusClass};
use super::gpts::gpt_id;
use super::lists::page_limit;
use crate::api::Handlers;
use crate::api::problem::Problem;
use crate::api::wire::RawJson;
use crate::auth::Operator;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::service::{AuditQuery, AuditRow};

impl AuditHandlers for Handlers {
    async fn list_audit_entries(
        &self,
        _operator: Operator,
        request: ListAuditEntriesParams,
    ) -> Result<ListAuditEntriesReply, Problem> {
        let numbers = [
            request.status.map(|status| status.to_string()),
            request.since.map(|since| since.to_string()),
            request.until.map(|until| until.to_string()),
        ];
        let list = self.filtered(
            "list_audit_entries",
            &[
                request.gpt_id.as_deref(),
                request.application.as_deref(),
                request.app_id.as_deref(),
                request.key_id.as_deref(),
                request.operation.as_deref(),
                request.status_class.map(StatusClass::as_str),
                numbers[0].as_deref(),
                numbers[1].as_deref(),
                numbers[2].as_deref(),
            ],
        );
        let after: Option<(Timestamp, Uuid)> = list.after(request.cursor.as_deref())?;
        let mut query = query(&request)?;
        query.after = after;
        let rows = self.service.list_calls(query).await?;
        let next_cursor = list.next(&rows, |row| (row.created_at, row.id));
        Ok(ListAuditEntriesReply::Ok {
            body: types::AuditPage {
                has_more: rows.has_more,
                items: rows.items.into_iter().map(Into::into).collect(),
                next_cursor,
            },
        })
    }
}

fn query(request: &ListAuditEntriesParams) -> Result<AuditQuery, Error> {
    let of_gpt = request.gpt_id.as_deref();
    Ok(AuditQuery {
        gpt_id: of_gpt.map(|id| gpt_id("gpt_id", id)).transpose()?,
        app_id: request.app_id.clone(),
        application_id: request.application.clone(),
        key_id: request.key_id.clone(),
        operation: request.operation.clone(),
        status: request.status.and_then(|status| status.try_into().ok()),
        status_class: request.status_class.map(|class| match class {
            StatusClass::N2xx => 2,
            StatusClass::N3xx => 3,
            StatusClass::N4xx => 4,
            StatusClass::N5xx => 5,
        }),
        since: request.since,
        until: request.until,
        after: None,
        limit: page_limit(request.limit, defaults::LIST_AUDIT_ENTRIES_LIMIT),
    })
}

impl From<AuditRow> for types::AuditEntry {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            gpt_id: row.gpt_id.map(|id| id.to_string()),
            key_id: row.key_id,
            application: row.application_id,
            session_id: row.session_id,
            app_id: row.app_id,
            operation: row.operation,
            method: row.method,
            path: row.path,
            request: RawJson::from(row.request),
            status: row.status,
            milliseconds: row.milliseconds,
            request_id: row.request_id,
            client_address: row.client_address,
            memory_service_request_id: row.memory_service_request_id,
            created_at: row.created_at,
        }
    }
}
