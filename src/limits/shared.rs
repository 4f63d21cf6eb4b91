//! The buckets that replicas share, in Redis.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::{RedisResult, Script};

use super::{Claim, Counters, Decision};
use crate::redis_link::{Redis, answer};

/// How long Redis is left alone after it failed; then one request tries it again.
const PAUSE: Duration = Duration::from_millis(500);
/// What the names of our keys begin with, in a Redis that others use too.
const PREFIX: &str = "gpt-object-store:limit";

/// A Redis, or what is known of its absence.
pub(super) struct Shared {
    redis: Redis,
    script: Script,
    start: Instant,
    is_away: AtomicBool,
    /// When the next request tries again, in milliseconds since `start`.
    try_at: AtomicU64,
}

impl Shared {
    /// The Redis at `url`, which need not be there yet.
    pub(super) fn new(url: &str) -> RedisResult<Self> {
        Ok(Self {
            redis: Redis::new(url)?,
            script: Script::new(include_str!("admit.lua")),
            start: Instant::now(),
            is_away: AtomicBool::new(false),
            try_at: AtomicU64::new(0),
        })
    }

    /// Decides in order up to the first claim that is denied, in one call of Redis; `None` while
    /// Redis is away.
    pub(super) async fn decide(
        &self,
        claims: &[Claim<'_>],
        counters: &Counters,
    ) -> Option<Vec<Decision>> {
        if !self.is_worth_a_try() {
            return None;
        }
        match answer(self.ask(claims)).await {
            Ok(answer) => {
                self.note_success();
                Some(read(claims, &answer))
            }
            Err(cause) => {
                counters.note_redis_failure();
                self.note_failure(&cause);
                None
            }
        }
    }

    async fn ask(&self, claims: &[Claim<'_>]) -> RedisResult<Vec<u64>> {
        let mut invocation = self.script.prepare_invoke();
        for claim in claims {
            let bucket = claim.bucket.as_str();
            invocation
                .key(format!("{PREFIX}:{bucket}:{}", claim.whose))
                .arg(microseconds(claim.rate.interval()))
                .arg(claim.rate.count.get());
        }
        let mut connection = self.redis.connection().await?;
        invocation.invoke_async(&mut connection).await
    }

    pub(super) async fn ping(&self) -> RedisResult<()> {
        let mut connection = self.redis.connection().await?;
        redis::cmd("PING").query_async(&mut connection).await
    }

    /// True unless Redis is away; then for one request after each pause.
    fn is_worth_a_try(&self) -> bool {
        if !self.is_away.load(Ordering::Relaxed) {
            return true;
        }
        let (now, try_at) = (self.now(), self.try_at.load(Ordering::Relaxed));
        let next = now + millis(PAUSE);
        now >= try_at
            && self
                .try_at
                .compare_exchange(try_at, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn note_success(&self) {
        // A load first: to write a value that all threads read would cost each of them.
        let was_away = self.is_away.load(Ordering::Relaxed);
        if was_away && self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!("Redis is back: the replicas share their rate limits again");
        }
    }

    fn note_failure(&self, cause: &str) {
        self.try_at
            .store(self.now() + millis(PAUSE), Ordering::Relaxed);
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(cause, "Redis is away: each node has rate limits of its own");
        }
    }

    fn now(&self) -> u64 {
        millis(self.start.elapsed())
    }
}

/// What the script answered: three numbers for each claim that it looked at.
fn read(claims: &[Claim<'_>], answer: &[u64]) -> Vec<Decision> {
    let answers = answer.chunks_exact(3).zip(claims);
    let decision = |(numbers, claim): (&[u64], &Claim<'_>)| Decision {
        bucket: claim.bucket,
        rate: claim.rate,
        remaining: u32::try_from(numbers[1]).unwrap_or(u32::MAX),
        wait: (numbers[0] == 0).then(|| Duration::from_micros(numbers[2])),
    };
    answers.map(decision).collect()
}

fn microseconds(interval: Duration) -> u64 {
    u64::try_from(interval.as_micros())
        .unwrap_or(u64::MAX)
        .max(1)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
