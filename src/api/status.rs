//! The operations about the service itself.

use super::Handlers;
use super::generated::defaults;
use super::generated::operations::{
    GetHealthParams, GetHealthReply, GetLimitsParams, GetLimitsReply, ServiceHandlers,
};
use super::generated::types::{self, HealthStatus};
use super::problem::Problem;
use crate::auth::Caller;
use crate::config::IDEMPOTENCY_TIME;
use crate::document::schema::MAX_SCHEMA_BYTES;

/// Operations in one batch; the contract's `maxItems`.
const BATCH_OPERATIONS: i32 = 100;
/// Items on one page; the contract's `maximum`.
const PAGE_ITEMS: i32 = 200;
/// Operations in one patch of a namespace; the contract's `maxItems`.
const NAMESPACE_OPERATIONS: i32 = 1000;

impl ServiceHandlers for Handlers {
    async fn get_limits(
        &self,
        caller: Caller,
        _request: GetLimitsParams,
    ) -> Result<GetLimitsReply, Problem> {
        let limits = self.service.limits();
        let files = self.service.file_limits();
        let scopes = caller.principal().scopes.iter();
        let own_rates = caller.principal().rate_limits.as_ref();
        Ok(GetLimitsReply::Ok {
            body: types::Limits {
                gpt_id: Some(caller.tenant().gpt_id().to_string()),
                scopes: scopes.map(|scope| scope.to_string()).collect(),
                request_bytes: as_i64(limits.request_bytes),
                document_bytes: as_i64(limits.document_bytes),
                document_depth: i32::try_from(limits.document_depth).unwrap_or(i32::MAX),
                batch_operations: BATCH_OPERATIONS,
                page_items: PAGE_ITEMS,
                page_items_default: defaults::LIST_OBJECTS_LIMIT,
                page_bytes_default: defaults::LIST_OBJECTS_MAX_BYTES,
                schema_bytes: as_i64(MAX_SCHEMA_BYTES),
                namespace_bytes: as_i64(limits.namespace_bytes),
                namespace_operations: NAMESPACE_OPERATIONS,
                file_bytes: as_i64(files.file_bytes),
                part_bytes: as_i64(files.part_bytes),
                upload_bytes: as_i64(files.upload_bytes),
                request_seconds: i32::try_from(limits.request_time.as_secs()).unwrap_or(i32::MAX),
                idempotency_hours: i32::try_from(IDEMPOTENCY_TIME.as_secs() / 3600)
                    .unwrap_or(i32::MAX),
                rate_limits: limits.rate_limits.under(own_rates).to_string(),
            },
        })
    }

    async fn get_health(&self, _request: GetHealthParams) -> Result<GetHealthReply, Problem> {
        let ready = self.service.is_ready().await;
        let status = if ready {
            HealthStatus::Ok
        } else {
            HealthStatus::Degraded
        };
        Ok(GetHealthReply::Ok {
            body: types::Health {
                status,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                database: status,
            },
        })
    }
}

fn as_i64(bytes: impl TryInto<i64>) -> i64 {
    bytes.try_into().unwrap_or(i64::MAX)
}
