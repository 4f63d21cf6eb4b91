//! Where traces go.

use super::Source;

/// Where traces go, and how many.
#[derive(Clone, Debug)]
pub struct TracesConfig {
    /// The base URL of an OTLP collector that takes HTTP; `None`: nothing is traced.
    pub endpoint: Option<String>,
    /// The share of requests that are traced when their caller does not say; 0 to 1. `None`: all, as
    /// long as there are not too many.
    pub share: Option<f64>,
    /// What we are called there.
    pub service_name: String,
}

impl TracesConfig {
    /// By the names that OpenTelemetry gives them.
    pub(super) fn read(source: &mut Source) -> Self {
        let endpoint: Option<String> = source.find("OTEL_EXPORTER_OTLP_ENDPOINT");
        if endpoint
            .as_ref()
            .is_some_and(|url| !url.starts_with("http://"))
        {
            let what =
                "must begin with http://: run a collector near by, which may speak TLS further on";
            source.fault("OTEL_EXPORTER_OTLP_ENDPOINT", what);
        }
        let share = source.find("OTEL_TRACES_SAMPLER_ARG");
        if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            source.fault("OTEL_TRACES_SAMPLER_ARG", "must be between 0 and 1");
        }
        Self {
            endpoint: endpoint.map(|url| url.trim_end_matches('/').to_owned()),
            share,
            service_name: source.get("OTEL_SERVICE_NAME", "gpt-object-store".to_owned()),
        }
    }
}
