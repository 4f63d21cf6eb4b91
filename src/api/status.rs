//! The operations about the service itself.

use super::Handlers;
use super::generated::defaults;
use super::generated::operations::{
    GetHealthParams, GetHealthReply, GetLimitsParams, GetLimitsReply, GetReadinessParams,
    GetReadinessReply, ServiceHandlers,
};
use super::generated::types::{self, ComponentName, ComponentStatus, HealthStatus, ProblemCode};
use super::problem::Problem;
use crate::auth::Caller;
use crate::config::IDEMPOTENCY_TIME;
use crate::document::schema::MAX_SCHEMA_BYTES;
use crate::probe::Probe;

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
        let status = match self.service.probe_database().await.is_ok() {
            true => HealthStatus::Ok,
            false => HealthStatus::Degraded,
        };
        Ok(GetHealthReply::Ok {
            body: types::Health {
                status,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                database: status,
            },
        })
    }

    /// Only the database is required: without Redis each node limits for itself, and without its
    /// bucket everything but files goes on, so that taking all replicas out of service would make a
    /// small failure a large one. A server that is stopping is well, and yet not ready.
    async fn get_readiness(
        &self,
        _request: GetReadinessParams,
    ) -> Result<GetReadinessReply, Problem> {
        let (database, queue, limits, storage) = tokio::join!(
            self.service.probe_database(),
            self.service.probe_queue(),
            self.limiter.probe_redis(),
            self.service.probe_files(),
        );
        let components = vec![
            component(ComponentName::Database, true, database),
            component(ComponentName::Queue, false, queue),
            component(ComponentName::Redis, false, limits),
            component(ComponentName::Storage, false, storage),
        ];
        let fault = match (self.stopping.has_begun(), database.is_ok()) {
            (true, _) => Some("The server is stopping: send requests to another one."),
            (false, false) => Some("The database does not answer."),
            (false, true) => None,
        };
        if let Some(detail) = fault {
            let problem = Problem::new(ProblemCode::Unavailable, detail);
            return Err(problem.with_components(components));
        }
        Ok(GetReadinessReply::Ok {
            body: types::Readiness {
                status: types::ReadinessStatus::Ready,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                components,
            },
        })
    }
}

fn component(name: ComponentName, required: bool, probe: Probe) -> types::Component {
    let (status, latency) = match probe {
        Probe::Off => (ComponentStatus::Off, None),
        Probe::Ok(latency) => (ComponentStatus::Ok, Some(latency)),
        Probe::Failed => (ComponentStatus::Failed, None),
    };
    types::Component {
        name,
        status,
        required,
        latency_ms: latency.map(|latency| latency.as_secs_f64() * 1000.0),
    }
}

fn as_i64(bytes: impl TryInto<i64>) -> i64 {
    bytes.try_into().unwrap_or(i64::MAX)
}
