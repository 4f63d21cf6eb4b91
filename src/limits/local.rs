//! The buckets of one node, which governor keeps.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::{Claim, Decision, Rate};

/// Buckets of one rate that are kept apart; each takes about 70 bytes.
const MOST_BUCKETS: usize = 200_000;
/// What the others share when there are more, so that a flood of addresses takes no more memory and
/// still finds no bucket of its own.
const SHARED_BUCKETS: u64 = 4096;

/// Buckets by a hash of what they are for. Two that collide, one in 2^64, would share one.
type Buckets = RateLimiter<u64, DashMapStateStore<u64>, DefaultClock, StateInformationMiddleware>;

/// Governor's limiters, one for each rate that is in use, since each has a single quota.
#[derive(Default)]
pub(super) struct Local {
    by_rate: RwLock<HashMap<Rate, Arc<Buckets>>>,
    hasher: RandomState,
}

impl Local {
    /// Decides in order, and stops at the first claim that is denied.
    pub(super) fn decide(&self, claims: &[Claim<'_>]) -> Vec<Decision> {
        let mut decisions = Vec::with_capacity(claims.len());
        for claim in claims {
            let decision = self.decide_one(claim);
            decisions.push(decision);
            if decision.wait.is_some() {
                break;
            }
        }
        decisions
    }

    fn decide_one(&self, claim: &Claim<'_>) -> Decision {
        let buckets = self.buckets(claim.rate);
        let mut slot = self.hasher.hash_one((claim.bucket, claim.whose));
        if buckets.len() >= MOST_BUCKETS {
            slot %= SHARED_BUCKETS;
        }
        let (remaining, wait) = match buckets.check_key(&slot) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(denial) => (0, Some(denial.wait_time_from(buckets.clock().now()))),
        };
        Decision {
            bucket: claim.bucket,
            rate: claim.rate,
            remaining,
            wait,
        }
    }

    /// Forgets buckets that are full again, and rates that no bucket has.
    pub(super) fn sweep(&self) {
        let known = self.by_rate.read().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<_> = known.values().cloned().collect();
        drop(known);
        // This may take a while, and nobody is to wait for it but who needs the same shard.
        all.iter().for_each(|buckets| buckets.retain_recent());
        let mut by_rate = self.by_rate.write().unwrap_or_else(PoisonError::into_inner);
        by_rate.retain(|_, buckets| !buckets.is_empty());
    }

    fn buckets(&self, rate: Rate) -> Arc<Buckets> {
        let known = self.by_rate.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(buckets) = known.get(&rate) {
            return buckets.clone();
        }
        drop(known);
        let mut by_rate = self.by_rate.write().unwrap_or_else(PoisonError::into_inner);
        by_rate
            .entry(rate)
            .or_insert_with(|| Arc::new(new_buckets(rate)))
            .clone()
    }
}

fn new_buckets(rate: Rate) -> Buckets {
    let quota = Quota::with_period(rate.interval())
        .unwrap_or_else(|| Quota::per_second(rate.count))
        .allow_burst(rate.count);
    RateLimiter::dashmap(quota).with_middleware()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Bucket;

    fn claim(whose: &str, rate: Rate) -> Claim<'_> {
        Claim {
            bucket: Bucket::Ip,
            rate,
            whose,
        }
    }

    #[test]
    fn campaign_a_flood_of_addresses_takes_bounded_memory() {
        let local = Local::default();
        let rate = Rate::per_minute(1);
        for number in 0..MOST_BUCKETS + 3 * SHARED_BUCKETS as usize {
            local.decide(&[claim(&number.to_string(), rate)]);
        }
        let buckets = local.buckets(rate).len();
        assert!(
            buckets <= MOST_BUCKETS + SHARED_BUCKETS as usize,
            "{buckets}"
        );
        let late = (0..200).map(|number| local.decide(&[claim(&format!("late {number}"), rate)]));
        let denied = late.filter(|decisions| decisions[0].wait.is_some()).count();
        assert!(
            denied > 100,
            "strangers find no bucket of their own: {denied}"
        );
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let local = Local::default();
        let (quick, slow): (Rate, Rate) = ("1000/s".parse().unwrap(), "1/h".parse().unwrap());
        local.decide(&[claim("a", quick), claim("a", slow)]);
        std::thread::sleep(std::time::Duration::from_millis(20));
        local.sweep();
        let known = local.by_rate.read().unwrap();
        assert_eq!(known.keys().collect::<Vec<_>>(), [&slow]);
    }
}
