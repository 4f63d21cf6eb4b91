//! Traces on their way to a collector, by OTLP over HTTP: in batches, from a thread of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::trace::{Link, SpanKind, TraceId, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SamplingResult, SdkTracerProvider, ShouldSample};
use poem::http::{Request, Response};
use tokio::task::spawn_blocking;

use crate::api::edge::Traces;
use crate::clock::Timestamp;
use crate::config::TracesConfig;
use crate::error::Error;

/// How long a collector may take, also at a stop.
const PATIENCE: Duration = Duration::from_secs(5);
const SCOPE: &str = "gpt-object-store";
/// The most traces a second that no caller asked for, unless the operator says which share. To trace
/// each request of a busy server would cost it several percent of what it can do.
const MOST_A_SECOND: u64 = 100;

/// What takes spans to the collector. Cheap to clone.
#[derive(Clone)]
pub(super) struct Exporter(SdkTracerProvider);

impl Exporter {
    /// As configured; `None` when nothing is traced.
    ///
    /// # Errors
    /// When the endpoint is no URL.
    pub(super) fn open(config: &TracesConfig) -> Result<Option<Self>, Error> {
        let Some(endpoint) = &config.endpoint else {
            return Ok(None);
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector(agent))
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build()
            .map_err(|error| Error::Internal(Box::new(error)))?;
        let resource = Resource::builder().with_service_name(config.service_name.clone());
        let sampler: Box<dyn ShouldSample> = match config.share {
            Some(share) => Box::new(Sampler::TraceIdRatioBased(share)),
            None => Box::new(NotTooMany::default()),
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(sampler))
            .with_resource(resource.build())
            .build();
        Ok(Some(Self(provider)))
    }

    /// Writes to it.
    pub(super) fn traces(&self) -> Traces {
        Traces::new(self.0.tracer(SCOPE))
    }

    /// Sends what waits.
    pub(super) async fn finish(self) {
        let finished = spawn_blocking(move || self.0.shutdown_with_timeout(PATIENCE)).await;
        match finished {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces were not sent"),
            Err(error) => tracing::error!(%error, "the exporter of traces failed"),
        }
    }
}

/// Traces each request, as long as there are not too many a second. The upper half is the last second
/// in which one was traced, the lower half how many.
#[derive(Clone, Debug, Default)]
struct NotTooMany(Arc<AtomicU64>);

impl NotTooMany {
    /// Whether a request is traced that ends at `now`.
    fn takes(&self, now: Timestamp) -> bool {
        let second = now.as_micros().cast_unsigned() / 1_000_000;
        let next = |last: u64| {
            let is_same = last >> 32 == second;
            let count = if is_same {
                last & u64::from(u32::MAX)
            } else {
                0
            };
            (count < MOST_A_SECOND).then(|| (second << 32) + count + 1)
        };
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.is_ok()
    }
}

impl ShouldSample for NotTooMany {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let decided = if self.takes(Timestamp::now()) {
            Sampler::AlwaysOn
        } else {
            Sampler::AlwaysOff
        };
        decided.should_sample(parent, trace, name, kind, attributes, links)
    }
}

/// The exporter's thread has no reactor, so the client is one that blocks.
#[derive(Debug)]
struct Collector(ureq::Agent);

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.0.run(request.map(Vec::from))?;
        let body = answer.body_mut().read_to_vec()?;
        Ok(answer.map(|_| Bytes::from(body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_traced_in_each_second() {
        let sampler = NotTooMany::default();
        let traced = |second: i64| {
            let now = Timestamp::from_micros(second * 1_000_000 + 7).unwrap();
            (0..1000).filter(|_| sampler.takes(now)).count()
        };
        assert_eq!([traced(50), traced(50), traced(51)], [100, 0, 100]);
        // The clock was set back.
        assert_eq!(traced(40), 100);
    }
}
