//! Rate limits: how many requests a key, or an address, may make in a time.
//!
//! Every limit is a bucket under GCRA: it holds `count` requests, and one comes back every
//! `period / count`. So a caller that has rested may send `count` at once, and one that never rests
//! gets up to twice `count` within its first `period` and `count` in each after that.
//!
//! On one node the buckets are governor's, in memory. With a Redis all replicas share them: the same
//! algorithm runs there, by Redis's clock. While Redis is away each node goes on with its own.

mod address;
mod counters;
mod local;
mod rates;
mod shared;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

pub use address::{ForwardingHeader, Proxies, network};
pub use counters::{Counters, Denials};
pub use rates::{Bucket, Rate, RateLimits};

use crate::probe::Probe;
use local::Local;
use shared::Shared;

/// Failed authentications of one address before it is slowed.
const FAILURES: Rate = Rate::per_minute(10);
/// How long an address that was slowed is remembered after its last failure.
const STRIKES_TIME: Duration = Duration::from_secs(15 * 60);
/// Addresses that are remembered at once.
const STRIKES_ADDRESSES: u64 = 10_000;
/// The longest that a failing address is told to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// A request that wants one place in a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Which kind of bucket.
    pub bucket: Bucket,
    /// What the bucket holds.
    pub rate: Rate,
    /// Whose bucket: the id of a key, or an address.
    pub whose: &'a str,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which kind of bucket.
    pub bucket: Bucket,
    /// What the bucket holds.
    pub rate: Rate,
    /// How many more requests it has room for, now.
    pub remaining: u32,
    /// How long to wait before the next try; `None`: the request was let in.
    pub wait: Option<Duration>,
}

/// The limits in force, and the state of every bucket. Cheap to clone.
#[derive(Clone)]
pub struct Limiter(Arc<Inner>);

struct Inner {
    limits: RateLimits,
    local: Local,
    shared: Option<Shared>,
    strikes: Cache<String, u32>,
    counters: Counters,
}

impl Limiter {
    /// A limiter with `limits` for keys that have none of their own. `redis_url` names the Redis
    /// that replicas share; it need not be there yet.
    ///
    /// # Errors
    /// When `redis_url` is not the URL of a Redis.
    pub fn new(limits: RateLimits, redis_url: Option<&str>) -> Result<Self, redis::RedisError> {
        let strikes = Cache::builder()
            .max_capacity(STRIKES_ADDRESSES)
            .time_to_idle(STRIKES_TIME)
            .build();
        Ok(Self(Arc::new(Inner {
            limits,
            local: Local::default(),
            shared: redis_url.map(Shared::new).transpose()?,
            strikes,
            counters: Counters::default(),
        })))
    }

    /// Whether nothing is limited.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.0.limits.is_off()
    }

    /// What was decided so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Asks Redis whether it is there.
    pub async fn probe_redis(&self) -> Probe {
        match &self.0.shared {
            Some(shared) => Probe::of("redis", shared.ping()).await,
            None => Probe::Off,
        }
    }

    /// Forgets buckets that are full again, which a new one would be too. It looks at each bucket,
    /// so it is called where nobody waits for it.
    pub fn sweep(&self) {
        self.0.local.sweep();
    }

    /// Asks for a request from `address`, whoever sends it.
    pub async fn admit_address(&self, address: IpAddr) -> Vec<Decision> {
        let Some(rate) = self.0.limits.get(Bucket::Ip) else {
            return Vec::new();
        };
        let whose = network(address);
        let claim = Claim {
            bucket: Bucket::Ip,
            rate,
            whose: &whose,
        };
        self.decide(&[claim]).await
    }

    /// Asks for a request of `whose`, the id of a key or of an application, whose `own` limits stand
    /// before the general ones.
    pub async fn admit_key(
        &self,
        whose: &str,
        own: Option<&RateLimits>,
        writes: bool,
    ) -> Vec<Decision> {
        if self.is_off() {
            return Vec::new();
        }
        let limits = self.0.limits.under(own);
        // Writes first: what is refused there takes nothing from the reads.
        let buckets: &[Bucket] = if writes {
            &[Bucket::Write, Bucket::Key]
        } else {
            &[Bucket::Key]
        };
        let claims: Vec<_> = buckets
            .iter()
            .filter_map(|&bucket| {
                let rate = limits.get(bucket)?;
                Some(Claim {
                    bucket,
                    rate,
                    whose,
                })
            })
            .collect();
        self.decide(&claims).await
    }

    /// Notes that credentials from `address` were refused. An address that goes on after ten in a
    /// minute is to wait, each time twice as long, up to 15 minutes.
    pub async fn note_failure(&self, address: IpAddr) -> Option<Decision> {
        if self.is_off() {
            return None;
        }
        let whose = network(address);
        let claim = Claim {
            bucket: Bucket::Failure,
            rate: FAILURES,
            whose: &whose,
        };
        let mut decision = self.decide(&[claim]).await.pop()?;
        if let Some(wait) = decision.wait {
            let strikes = self.0.strikes.get(&whose).unwrap_or(0);
            self.0.strikes.insert(whose, strikes.saturating_add(1));
            let longer = wait.saturating_mul(2_u32.saturating_pow(strikes));
            decision.wait = Some(longer.min(LONGEST_WAIT));
        }
        Some(decision)
    }

    /// Decides in order, and stops at the first claim that is denied.
    async fn decide(&self, claims: &[Claim<'_>]) -> Vec<Decision> {
        if claims.is_empty() {
            return Vec::new();
        }
        let shared = match &self.0.shared {
            Some(shared) => shared.decide(claims, &self.0.counters).await,
            None => None,
        };
        let decisions = shared.unwrap_or_else(|| self.0.local.decide(claims));
        decisions
            .iter()
            .for_each(|decision| self.0.counters.note(decision));
        decisions
    }
}
