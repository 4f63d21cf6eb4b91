//! A request as a trace has it (OpenTelemetry), under the caller's `traceparent` (W3C Trace Context),
//! and as `Server-Timing` has it for a caller that prefers to know.
//!
//! Spans are written when the request is over, from moments that were noted on its way: nothing is
//! carried along, and nothing is done while no collector is configured.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::redact::redact;
use super::{Call, Seen};
use crate::clock::Timestamp;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The preference (RFC 7240) of a caller that wants `Server-Timing`.
const PREFERENCE: &str = "server-timing";

/// Where traces are written. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Traces(SdkTracer);

/// When a request began, and under whose span.
pub(super) struct Begun {
    at: SystemTime,
    parent: Context,
}

impl Traces {
    /// Writes with `tracer`.
    #[must_use]
    pub fn new(tracer: SdkTracer) -> Self {
        Self(tracer)
    }

    /// A request with `headers` has come.
    pub(super) fn begin(&self, headers: &HeaderMap) -> Begun {
        Begun {
            at: DateTime::<Utc>::from(Timestamp::now()).into(),
            parent: TraceContextPropagator::new().extract(&HeaderExtractor(headers)),
        }
    }

    /// The request was answered with `status`: writes its span, and one each for finding out who
    /// calls and for what they asked. Returns the id of the trace.
    pub(super) fn end(&self, begun: Begun, seen: &Seen, call: &Call, status: StatusCode) -> String {
        let Begun { at, parent } = begun;
        let name = call.operation().map(|operation| operation.id.into());
        let name: Cow<'static, str> =
            name.unwrap_or_else(|| seen.method.as_str().to_owned().into());
        let builder = self.0.span_builder(name).with_kind(SpanKind::Server);
        let builder = builder.with_start_time(at);
        let span = builder.start_with_context(&self.0, &parent);
        let trace_id = span.span_context().trace_id().to_string();
        // Most requests of a busy server are not traced, and cost next to nothing.
        if span.is_recording() {
            self.write(span, at, seen, call, status);
        }
        trace_id
    }

    fn write(
        &self,
        mut span: SdkSpan,
        at: SystemTime,
        seen: &Seen,
        call: &Call,
        status: StatusCode,
    ) {
        let method = seen.method.as_str().to_owned();
        span.set_attributes([
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
            KeyValue::new("url.path", redact(&seen.path).into_owned()),
            KeyValue::new("request.id", seen.id.clone()),
        ]);
        if let Some(operation) = call.operation() {
            span.set_attribute(KeyValue::new("http.route", operation.path));
        }
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        let within = Context::new().with_remote_span_context(span.span_context().clone());
        let end = at + seen.start.elapsed();
        if let Some(entered) = call.entered() {
            let entered = at + entered.duration_since(seen.start);
            self.part("authorize", (at, entered), &within);
            self.part("handle", (entered, end), &within);
        }
        span.end_with_timestamp(end);
    }

    fn part(&self, name: &'static str, (from, to): (SystemTime, SystemTime), within: &Context) {
        let builder = self.0.span_builder(name).with_start_time(from);
        builder
            .start_with_context(&self.0, within)
            .end_with_timestamp(to);
    }
}

/// Whether the caller asks for `Server-Timing`.
pub(super) fn wants_timing(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(PREFER).into_iter();
    let mut preferences = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    preferences.any(|preference| preference.trim().eq_ignore_ascii_case(PREFERENCE))
}

/// Tells how long it took, in milliseconds: to find out who calls, to do it, and in all.
pub(super) fn set_timing(seen: &Seen, call: &Call, headers: &mut HeaderMap) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let total = seen.start.elapsed();
    let parts = call.entered().map(|entered| {
        let auth = entered.duration_since(seen.start);
        let handle = total.saturating_sub(auth);
        let (auth, handle) = (milliseconds(auth), milliseconds(handle));
        format!("auth;dur={auth:.3}, handle;dur={handle:.3}, ")
    });
    let parts = parts.unwrap_or_default();
    let timing = format!("{parts}total;dur={:.3}", milliseconds(total));
    if let Ok(timing) = HeaderValue::try_from(timing) {
        headers.insert(SERVER_TIMING, timing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timing_is_told_to_who_prefers_it() {
        let wants = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(PREFER, HeaderValue::from_static(line));
            }
            wants_timing(&headers)
        };
        assert!(wants(&["return=minimal, Server-Timing"]));
        assert!(wants(&["return=minimal", "server-timing"]));
        assert!(!wants(&["return=minimal"]));
        assert!(!wants(&[]));
    }
}
