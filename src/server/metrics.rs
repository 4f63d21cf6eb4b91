//! What `/metrics` shows beside the requests: counters that the parts of the server keep for
//! themselves, read when somebody asks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::api::edge::Traffic;
use crate::auth::Authenticator;
use crate::clock::Timestamp;
use crate::jobs::Queue;
use crate::limits::Limiter;
use crate::lookups::Lookups;
use crate::service::{Audit, Service};

/// Begins the name of every metric.
const PREFIX: &str = "gpt_object_store";

/// The parts of the server that count.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) service: Service,
    pub(super) limiter: Limiter,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) audit: Audit,
    pub(super) queue: Queue,
}

/// Metrics of one name.
struct Metric {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    kind: MetricType,
    /// Without a label there is one.
    values: Vec<(Option<Label>, f64)>,
}

type Label = (&'static str, &'static str);

/// Everything that is shown, `traffic` included.
pub(super) fn registry(traffic: &Traffic, sources: Sources) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    traffic.register(&mut registry);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    registry.register("build", "The build that runs", Info::new(version));
    registry.register_collector(Box::new(sources));
    registry
}

impl Sources {
    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = self.of_limits();
        metrics.extend(self.of_caches());
        metrics.extend(self.of_files());
        metrics.extend(self.of_audit());
        metrics.extend(self.of_jobs());
        metrics.extend(self.of_events());
        metrics.push(self.of_connections());
        metrics
    }

    fn of_limits(&self) -> Vec<Metric> {
        let counters = self.limiter.counters();
        let denied = counters.denied();
        let decisions = vec![
            (Some(("decision", "admitted")), float(counters.allowed())),
            (Some(("decision", "denied_by_key")), float(denied.by_key)),
            (
                Some(("decision", "denied_by_write")),
                float(denied.by_write),
            ),
            (Some(("decision", "denied_by_ip")), float(denied.by_ip)),
            (
                Some(("decision", "denied_by_failure")),
                float(denied.by_failure),
            ),
        ];
        vec![
            Metric::counter(
                "rate_limit_decisions",
                "What rate limits decided",
                decisions,
            ),
            Metric::one_counter(
                "rate_limit_redis_failures",
                "Decisions that Redis did not make",
                counters.redis_failures(),
            ),
        ]
    }

    fn of_caches(&self) -> Vec<Metric> {
        let (keys, collections) = (
            self.authenticator.lookups(),
            self.service.collection_lookups(),
        );
        let values = |pick: fn(&Lookups) -> u64| {
            vec![
                (Some(("cache", "keys")), float(pick(keys))),
                (Some(("cache", "collections")), float(pick(collections))),
            ]
        };
        vec![
            Metric::counter(
                "cache_hits",
                "What was found in a cache",
                values(Lookups::hits),
            ),
            Metric::counter("cache_misses", "What was not", values(Lookups::misses)),
        ]
    }

    fn of_files(&self) -> Vec<Metric> {
        let counters = self.service.file_counters();
        [
            ("file_uploads", "Files and parts stored", &counters.uploads),
            (
                "file_uploaded_bytes",
                "Their bytes",
                &counters.uploaded_bytes,
            ),
            (
                "file_downloads",
                "Contents, or ranges of them, begun to be read",
                &counters.downloads,
            ),
            (
                "file_downloaded_bytes",
                "Bytes of contents given out",
                &counters.downloaded_bytes,
            ),
            (
                "storage_errors",
                "Failures of the bucket, and of what lies in it",
                &counters.storage_errors,
            ),
            (
                "storage_swept",
                "Stored objects that sweeps removed",
                &counters.swept,
            ),
        ]
        .map(|(name, help, counter)| Metric::one_counter(name, help, counter.load(Relaxed)))
        .into()
    }

    fn of_audit(&self) -> Vec<Metric> {
        let lag = vec![(None, self.audit.lag().as_secs_f64())];
        vec![
            Metric::one_counter(
                "audit_lost",
                "Calls that were not recorded",
                self.audit.lost(),
            ),
            Metric::gauge(
                "audit_waiting",
                "Calls that wait to be recorded",
                vec![(None, float(self.audit.waiting()))],
            ),
            Metric {
                unit: Some(Unit::Seconds),
                ..Metric::gauge(
                    "audit_lag",
                    "How old the oldest call of the last batch was",
                    lag,
                )
            },
        ]
    }

    fn of_jobs(&self) -> Vec<Metric> {
        let ((backlog, _), counters) = (self.queue.backlog(), self.queue.counters());
        let waiting = vec![
            (Some(("state", "queued")), backlog.queued as f64),
            (Some(("state", "running")), backlog.running as f64),
            (Some(("state", "failed")), backlog.failed as f64),
        ];
        let ended = vec![
            (Some(("outcome", "succeeded")), float(counters.succeeded())),
            (Some(("outcome", "put_off")), float(counters.put_off())),
            (Some(("outcome", "failed")), float(counters.failed())),
            (Some(("outcome", "lost")), float(counters.lost())),
            (
                Some(("outcome", "handed_back")),
                float(counters.handed_back()),
            ),
        ];
        let age = vec![(None, seconds_since(backlog.next))];
        vec![
            Metric::gauge("jobs", "Jobs that are not done, in all processes", waiting),
            Metric {
                unit: Some(Unit::Seconds),
                ..Metric::gauge("jobs_age", "How long the first job has been due", age)
            },
            Metric::counter(
                "job_attempts",
                "Attempts of this process, by how they ended",
                ended,
            ),
            Metric::one_counter(
                "job_delivery_failures",
                "Wake-ups that Redis did not pass on",
                counters.delivery_failures(),
            ),
        ]
    }

    fn of_events(&self) -> Vec<Metric> {
        let ((_, backlog), counters) = (self.queue.backlog(), self.queue.counters());
        let waiting = vec![
            (Some(("state", "pending")), backlog.pending as f64),
            (Some(("state", "failed")), backlog.failed as f64),
        ];
        let ended = vec![
            (
                Some(("outcome", "delivered")),
                float(counters.events_delivered()),
            ),
            (
                Some(("outcome", "put_off")),
                float(counters.events_put_off()),
            ),
            (Some(("outcome", "failed")), float(counters.events_failed())),
        ];
        let age = vec![(None, seconds_since(backlog.oldest))];
        vec![
            Metric::gauge(
                "events",
                "Changes that were not forwarded, of all processes",
                waiting,
            ),
            Metric {
                unit: Some(Unit::Seconds),
                ..Metric::gauge(
                    "events_age",
                    "How long the first change has waited to be forwarded",
                    age,
                )
            },
            Metric::counter(
                "event_deliveries",
                "Deliveries of this process, by how they ended",
                ended,
            ),
        ]
    }

    fn of_connections(&self) -> Metric {
        let connections = self.service.connections();
        let values = vec![
            (Some(("state", "busy")), f64::from(connections.busy)),
            (Some(("state", "idle")), f64::from(connections.idle)),
            (Some(("state", "free")), f64::from(connections.free)),
        ];
        Metric::gauge(
            "database_connections",
            "Connections to the database: at work, open, and not open yet",
            values,
        )
    }
}

impl Metric {
    fn counter(name: &'static str, help: &'static str, values: Vec<(Option<Label>, f64)>) -> Self {
        Self {
            name,
            help,
            unit: None,
            kind: MetricType::Counter,
            values,
        }
    }

    fn one_counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::counter(name, help, vec![(None, float(value))])
    }

    fn gauge(name: &'static str, help: &'static str, values: Vec<(Option<Label>, f64)>) -> Self {
        Self {
            kind: MetricType::Gauge,
            ..Self::counter(name, help, values)
        }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut encoder =
            encoder.encode_descriptor(self.name, self.help, self.unit.as_ref(), self.kind)?;
        for (label, value) in &self.values {
            match label {
                Some(label) => self.encode_value(*value, encoder.encode_family(&[*label])?)?,
                None => return self.encode_value(*value, encoder),
            }
        }
        Ok(())
    }

    fn encode_value(&self, value: f64, encoder: MetricEncoder<'_>) -> fmt::Result {
        match self.kind {
            MetricType::Counter => ConstCounter::new(value).encode(encoder),
            _ => ConstGauge::new(value).encode(encoder),
        }
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = self.metrics();
        metrics
            .iter()
            .try_for_each(|metric| metric.encode(&mut encoder))
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

/// How long ago `moment` was; zero when it is to come, or when there is none.
fn seconds_since(moment: Option<Timestamp>) -> f64 {
    let micros = moment.map_or(0, |moment| {
        let now = Timestamp::now().as_micros();
        now.saturating_sub(moment.as_micros())
    });
    micros.max(0) as f64 / 1e6
}

/// Exact up to 2^53, as Prometheus keeps numbers itself.
fn float(count: u64) -> f64 {
    count as f64
}
