//! One node and Redis, side by side.

use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::{Bucket, Limiter, RateLimits};

fn redis_url() -> String {
    std::env::var("TEST_REDIS_URL").expect(
        "TEST_REDIS_URL must name a Redis, such as redis://localhost:6379; `cargo xtask test` \
         starts one and sets it",
    )
}

fn limiter(limits: &str, redis_url: Option<&str>) -> Limiter {
    Limiter::new(limits.parse().unwrap(), redis_url).unwrap()
}

/// A call of a key: `r` reads, `w` writes, `.` waits for a quarter of a second.
async fn outcome(limiter: &Limiter, key: &str, own: Option<&RateLimits>, step: char) -> String {
    if step == '.' {
        sleep(Duration::from_millis(250)).await;
        return ".".to_owned();
    }
    let decisions = limiter.admit_key(key, own, step == 'w').await;
    let letters = decisions.iter().map(|decision| {
        let letter = decision.bucket.as_str().chars().next().unwrap();
        let is_denied = decision.wait.is_some();
        assert!(
            decision
                .wait
                .is_none_or(|wait| wait <= decision.rate.interval())
        );
        if is_denied {
            letter.to_ascii_uppercase().to_string()
        } else {
            format!("{letter}{}", decision.remaining)
        }
    });
    letters.collect()
}

/// Limits, limits of the key's own, what it does, and what becomes of it: the bucket's letter with
/// its room, or in capitals where it refuses. One request comes back within 0.4 seconds.
const SEQUENCES: &[(&str, &str, &str, &str)] = &[
    ("key:5/2s", "", "rrrrrr", "k4 k3 k2 k1 k0 K"),
    ("key:5/2s", "", "rrrrrr..r", "k4 k3 k2 k1 k0 K . . k0"),
    ("key:5/2s,write:2/2s", "", "wwwr", "w1k4 w0k3 W k2"),
    ("key:1/2s,write:2/2s", "", "rwww", "k0 w1K w0K W"),
    ("write:1/2s", "", "wrw", "w0  W"),
    ("key:5/2s", "key:2/2s", "rrr", "k1 k0 K"),
    ("key:1/2s,write:1/2s", "off", "rwrw", "   "),
    ("off", "key:1/2s", "rr", " "),
    ("ip:1/m", "", "rw", " "),
];

#[tokio::test]
async fn campaign_one_node_and_redis_decide_alike() {
    let redis_url = redis_url();
    for (limits, own, steps, expected) in SEQUENCES {
        let own = (!own.is_empty()).then(|| own.parse().unwrap());
        for redis_url in [None, Some(redis_url.as_str())] {
            let (limiter, key) = (limiter(limits, redis_url), Uuid::now_v7().to_string());
            let mut outcomes = Vec::new();
            for step in steps.chars() {
                outcomes.push(outcome(&limiter, &key, own.as_ref(), step).await);
            }
            assert_eq!(
                outcomes.join(" "),
                *expected,
                "{limits} {steps} {redis_url:?}"
            );
            assert_eq!(limiter.counters().redis_failures(), 0);
        }
    }
}

#[tokio::test]
async fn networks_have_buckets_of_their_own() {
    let redis_url = redis_url();
    for redis_url in [None, Some(redis_url.as_str())] {
        let limiter = limiter("ip:2/m", redis_url);
        let random = Uuid::new_v4().as_u128();
        let address = |host: u128| std::net::Ipv6Addr::from_bits(random >> 64 << 64 | host).into();
        for (host, is_in) in [(1, true), (2, true), (3, false)] {
            let decisions = limiter.admit_address(address(host)).await;
            assert_eq!(decisions[0].wait.is_none(), is_in, "{decisions:?}");
        }
        let other = limiter.admit_address("198.51.100.9".parse().unwrap()).await;
        assert_eq!(other[0].bucket, Bucket::Ip);
        assert_eq!(limiter.counters().denied().by_ip, 1);
    }
}

#[tokio::test]
async fn who_goes_on_failing_waits_twice_as_long_each_time() {
    let limiter = limiter("ip:600/5m", None);
    let address = "198.51.100.7".parse().unwrap();
    for _ in 0..10 {
        assert_eq!(limiter.note_failure(address).await.unwrap().wait, None);
    }
    let mut waits = Vec::new();
    for _ in 0..10 {
        let wait = limiter.note_failure(address).await.unwrap().wait.unwrap();
        waits.push(wait.as_secs_f64().ceil() as u64);
    }
    assert_eq!(waits, [6, 12, 24, 48, 96, 192, 384, 768, 900, 900]);
    let other = "198.51.100.8".parse().unwrap();
    assert_eq!(limiter.note_failure(other).await.unwrap().wait, None);
}

#[tokio::test]
async fn without_its_redis_a_node_goes_on_alone_and_does_not_wait() {
    // Nobody listens on port 1 of this machine.
    let limiter = limiter("key:2/m", Some("redis://127.0.0.1:1"));
    let start = std::time::Instant::now();
    let mut admitted = 0;
    for _ in 0..20 {
        let decisions = limiter.admit_key("k", None, false).await;
        admitted += usize::from(decisions[0].wait.is_none());
    }
    assert_eq!(admitted, 2);
    assert!(start.elapsed() < Duration::from_millis(500));
    assert_eq!(limiter.counters().redis_failures(), 1);
    assert!(Limiter::new(RateLimits::default(), Some("http://x")).is_err());
}
