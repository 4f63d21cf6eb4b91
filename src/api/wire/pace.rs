//! How long a request may take: a fixed time, renewed by every byte of a body that streams.
//!
//! A large file takes as long as it takes. What ends such a request is silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The silence that ends a transfer when nobody says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time that a request has left. Clones share it: the edge waits for its end, and bodies that
/// stream renew it.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Clock>);

tokio::task_local! {
    static PACE: Pace;
}

#[derive(Debug)]
struct Clock {
    start: Instant,
    patience: Duration,
    /// When it was renewed, in milliseconds after `start`.
    renewed: AtomicU64,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(PATIENCE)
    }
}

impl Pace {
    /// A pace that is lost after `patience`, from now or from when it is renewed.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self(Arc::new(Clock {
            start: Instant::now(),
            patience,
            renewed: AtomicU64::new(0),
        }))
    }

    /// Does `work` at this pace, so that [`Self::of_this_request`] finds it.
    pub async fn keep<F: Future>(self, work: F) -> F::Output {
        PACE.scope(self, work).await
    }

    /// The pace of the request at hand, for an operation that works long on what came before; one
    /// of its own outside of requests.
    #[must_use]
    pub fn of_this_request() -> Self {
        PACE.try_with(Self::clone).unwrap_or_default()
    }

    /// Counts the time from now.
    pub fn renew(&self) {
        let elapsed = self.0.start.elapsed().as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.0.renewed.store(elapsed, Ordering::Relaxed);
    }

    /// Waits until the time is over.
    pub async fn lost(&self) {
        loop {
            let renewed = Duration::from_millis(self.0.renewed.load(Ordering::Relaxed));
            let end = self.0.start + renewed + self.0.patience;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    /// The longest silence.
    pub(super) fn patience(&self) -> Duration {
        self.0.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_lost_by_silence_and_kept_by_renewal() {
        let pace = Pace::new(Duration::from_millis(80));
        let start = Instant::now();
        let renewing = async {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                pace.renew();
            }
        };
        tokio::join!(renewing, pace.lost());
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_millis(220), "{elapsed:?}");
    }

    #[tokio::test]
    async fn an_operation_finds_the_pace_of_its_request() {
        let pace = Pace::new(Duration::from_millis(60));
        let start = Instant::now();
        let working = pace.clone().keep(async {
            for _ in 0..6 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Pace::of_this_request().renew();
            }
        });
        tokio::join!(working, pace.lost());
        assert!(start.elapsed() >= Duration::from_millis(160));
    }

    #[tokio::test]
    async fn without_renewal_it_is_a_fixed_time() {
        let start = Instant::now();
        Pace::new(Duration::from_millis(30)).lost().await;
        assert!(start.elapsed() >= Duration::from_millis(30));
    }
}
