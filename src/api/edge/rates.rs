//! Rate limits as callers see them: the headers of draft-ietf-httpapi-ratelimit-headers-10, and
//! the same in the body of a 429.
//!
//! `t` of `RateLimit` is when there is room for one more request than `r`: a bucket under GCRA has no
//! moment at which all of it comes back.

use std::fmt::Write as _;
use std::time::Duration;

use poem::http::{HeaderMap, HeaderName, HeaderValue};

use super::Call;
use crate::api::generated::types::{ProblemCode, RateLimit};
use crate::api::problem::Problem;
use crate::limits::{Bucket, Decision};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The 429 that a denied `decision` is answered with.
pub(super) fn problem(decision: &Decision) -> Problem {
    let wait = seconds(decision.wait.unwrap_or_default());
    let (count, period) = (decision.rate.count, decision.rate.period.as_secs());
    let what = match decision.bucket {
        Bucket::Key => "requests with this key",
        Bucket::Write => "writing requests with this key",
        Bucket::Ip => "requests from this address",
        Bucket::Failure => "requests with a wrong key from this address",
    };
    let detail = format!(
        "Too many {what}: {count} in {period} seconds are allowed. Try again in {wait} seconds."
    );
    let state = RateLimit {
        name: decision.bucket.as_str().to_owned(),
        limit: i64::from(count.get()),
        period_seconds: as_i64(period),
        remaining: i64::from(decision.remaining),
    };
    Problem::new(ProblemCode::TooManyRequests, detail).limited(state, as_i64(wait))
}

/// Sets `RateLimit` and `RateLimit-Policy`, if something was decided.
pub(super) fn state(decisions: &[Decision], headers: &mut HeaderMap) {
    // A limit on failures is no quota that anybody should plan with.
    let mut told = decisions
        .iter()
        .filter(|decision| decision.bucket != Bucket::Failure)
        .peekable();
    if told.peek().is_none() {
        return;
    }
    let (mut items, mut policies) = (String::with_capacity(48), String::with_capacity(48));
    for decision in told {
        let comma = if items.is_empty() { "" } else { ", " };
        let (name, rate) = (decision.bucket.as_str(), decision.rate);
        let until = seconds(decision.wait.unwrap_or(rate.interval()));
        let period = rate.period.as_secs();
        // A string takes everything.
        let _written = write!(
            items,
            "{comma}\"{name}\";r={};t={until}",
            decision.remaining
        );
        let _written = write!(policies, "{comma}\"{name}\";q={};w={period}", rate.count);
    }
    for (name, value) in [(RATE_LIMIT, items), (RATE_LIMIT_POLICY, policies)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// Writes down what was decided: denials for every operator, the rest for one who looks closely.
pub(super) fn log(request_id: &str, call: &Call, decisions: &[Decision]) {
    let is_denied = decisions.iter().any(|decision| decision.wait.is_some());
    if !is_denied && !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let whose = call.principal().map(|principal| principal.who.bucket());
    let key_id = whose.as_deref();
    let route = call.operation().map(|operation| operation.id);
    let ip = call.address().to_string();
    for decision in decisions {
        let (bucket, remaining) = (decision.bucket.as_str(), decision.remaining);
        match decision.wait.map(seconds) {
            None => tracing::debug!(
                request_id,
                bucket,
                key_id,
                ip,
                route,
                remaining,
                "rate limit: admitted"
            ),
            Some(retry_after) => tracing::info!(
                request_id,
                bucket,
                key_id,
                ip,
                route,
                retry_after,
                "rate limit: denied"
            ),
        }
    }
}

/// Whole seconds, at least one, and never too few.
fn seconds(time: Duration) -> u64 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    whole.max(1)
}

fn as_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(bucket: Bucket, rate: &str, remaining: u32, wait: Option<u64>) -> Decision {
        Decision {
            bucket,
            rate: rate.parse().unwrap(),
            remaining,
            wait: wait.map(Duration::from_millis),
        }
    }

    #[test]
    fn headers_name_each_limit() {
        let decisions = [
            decision(Bucket::Ip, "600/5m", 599, None),
            decision(Bucket::Write, "10/m", 0, Some(5001)),
            decision(Bucket::Failure, "10/m", 3, None),
        ];
        let mut headers = HeaderMap::new();
        state(&decisions, &mut headers);
        assert_eq!(headers[RATE_LIMIT], r#""ip";r=599;t=1, "write";r=0;t=6"#);
        assert_eq!(
            headers[RATE_LIMIT_POLICY],
            r#""ip";q=600;w=300, "write";q=10;w=60"#
        );
    }

    #[test]
    fn nothing_decided_says_nothing() {
        let mut headers = HeaderMap::new();
        state(&[], &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_wait_is_never_too_short() {
        let [none, little, exact] =
            [0, 1, 2000].map(|millis| seconds(Duration::from_millis(millis)));
        assert_eq!((none, little, exact), (1, 1, 2));
    }
}
