//! How many requests there were, how they were answered, and how long that took: what `/metrics` says
//! of them.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper ends of the histogram's buckets, in seconds: from a read from the cache up to the longest
/// request.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];
/// Stands for a request that met no operation: a page, another path, or one refused before.
const NO_OPERATION: &str = "none";

/// Requests since the start. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Traffic {
    durations: Family<Answered, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

/// What requests are told apart by. Both come from the contract, so there are few of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    operation: &'static str,
    status: u16,
}

/// A request on its way; dropped when it is over, however that came.
pub(super) struct InFlight<'a>(&'a Gauge);

impl Default for Traffic {
    fn default() -> Self {
        Self {
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
        }
    }
}

impl Traffic {
    /// Shows the requests in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "http_request_duration",
            "Time from the first byte of a request to the head of its answer",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests that wait for the head of their answer",
            self.in_flight.clone(),
        );
    }

    /// A request has come.
    pub(super) fn enter(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    /// A request for `operation` was answered with `status` after `time`.
    pub(super) fn note(&self, operation: Option<&'static str>, status: u16, time: Duration) {
        let answered = Answered {
            operation: operation.unwrap_or(NO_OPERATION),
            status,
        };
        let duration = self.durations.get_or_create(&answered);
        duration.observe(time.as_secs_f64());
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn requests_are_told_apart_by_operation_and_status() {
        let traffic = Traffic::default();
        let mut registry = Registry::default();
        traffic.register(&mut registry);
        let busy = traffic.enter();
        traffic.note(Some("get_object"), 200, Duration::from_millis(3));
        traffic.note(None, 404, Duration::from_secs(90));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"http_request_duration_seconds_bucket{le="0.005",operation="get_object",status="200"} 1"#,
            r#"http_request_duration_seconds_count{operation="none",status="404"} 1"#,
            "http_requests_in_flight 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        drop(busy);
        assert_eq!(traffic.in_flight.get(), 0);
    }
}
