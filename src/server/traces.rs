//! Traces on their way to a collector, by OTLP over HTTP: in batches, from a thread of their own.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use poem::http::{Request, Response};
use tokio::task::spawn_blocking;

use crate::api::edge::Traces;
use crate::config::TracesConfig;
use crate::error::Error;

/// How long a collector may take, also at a stop.
const PATIENCE: Duration = Duration::from_secs(5);
const SCOPE: &str = "gpt-object-store";

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
        let sampler = Sampler::TraceIdRatioBased(config.share);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
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
