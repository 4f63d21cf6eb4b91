//! One job, from its claim to its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::sleep;

use super::super::counters::JobCounters;
use super::super::lease::hold;
use super::super::work::{Failure, Work};
use super::Working;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::{Error, chain};
use crate::store::StoreError;

/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// How an attempt ended.
enum Outcome {
    Done(Document),
    Failed(Failure),
    /// The worker stops, and the grace is over.
    Unfinished,
}

impl Working {
    pub(super) async fn work(self: Arc<Self>, work: Work) {
        let (id, kind) = (work.row.id, work.row.kind.as_str());
        let store = self.queue.store();
        let held = hold(self.settings.lease, |until| {
            store.renew_job(&work.held, until).boxed()
        });
        let outcome = tokio::select! {
            outcome = self.attempt(&work) => outcome,
            () = held => Outcome::Failed(Failure::Lost),
            () = self.grace_is_over() => Outcome::Unfinished,
        };
        match self.settle(&work, outcome).await {
            Ok(true) => {}
            Ok(false) => {
                JobCounters::note(&self.queue.counters().lost);
                tracing::warn!(job = %id, kind, "another worker has the job by now");
            }
            // Its lease ends, and it is done again.
            Err(error) => {
                let cause = chain(&error);
                tracing::warn!(job = %id, kind, cause, "how a job ended cannot be written");
            }
        }
    }

    async fn attempt(&self, work: &Work) -> Outcome {
        let kind = work.row.kind.as_str();
        let Some(job) = self.jobs.iter().find(|job| job.kind() == kind) else {
            let unknown = Error::Internal("a job of an unknown kind".into());
            return Outcome::Failed(Failure::Passing(unknown));
        };
        match AssertUnwindSafe(job.run(work)).catch_unwind().await {
            Ok(Ok(result)) => Outcome::Done(result),
            Ok(Err(failure)) => Outcome::Failed(failure),
            Err(_panic) => {
                let panicked = Error::Internal("the job panicked".into());
                Outcome::Failed(Failure::Passing(panicked))
            }
        }
    }

    async fn grace_is_over(&self) {
        let mut stopped = self.stopped.clone();
        // Also when the sender of the signal is gone.
        let _stopped = stopped.wait_for(|stopped| *stopped).await.is_ok();
        sleep(self.settings.grace).await;
    }

    /// Writes how the attempt ended. False when somebody else has the job by now.
    async fn settle(&self, work: &Work, outcome: Outcome) -> Result<bool, StoreError> {
        let (store, counters) = (self.queue.store(), self.queue.counters());
        let (held, now) = (&work.held, Timestamp::now());
        let (written, counter) = match outcome {
            Outcome::Done(result) => {
                let written = store.complete_job(held, &result, now).await?;
                (written, &counters.succeeded)
            }
            Outcome::Unfinished => (store.hand_back_job(held, now).await?, &counters.handed_back),
            Outcome::Failed(Failure::Lost) => return Ok(false),
            Outcome::Failed(Failure::Passing(error)) => {
                return self.put_off(work, &error, now).await;
            }
            Outcome::Failed(Failure::Final(error)) => {
                return self.give_up(work, &error, now).await;
            }
        };
        if written {
            JobCounters::note(counter);
        }
        Ok(written)
    }
}

impl Working {
    /// Lets a job that failed be tried again after a pause, unless it had all its attempts.
    async fn put_off(
        &self,
        work: &Work,
        error: &Error,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (store, row) = (self.queue.store(), &work.row);
        // Progress since the claim gave it all its attempts again.
        let current = store.find_job(row.id).await?;
        let attempts = current.map_or(row.attempts, |row| row.attempts);
        if attempts >= row.max_attempts {
            return self.give_up(work, error, now).await;
        }
        let (id, kind, cause) = (row.id, row.kind.as_str(), chain(error));
        tracing::warn!(job = %id, kind, cause, "a job failed, and is tried again");
        let again = now.plus(pause(attempts, getrandom::u32().unwrap_or_default()));
        JobCounters::note(&self.queue.counters().put_off);
        let error = error.to_string();
        store.put_off_job(&work.held, &error, again, now).await
    }

    /// Makes a dead letter of a job.
    async fn give_up(
        &self,
        work: &Work,
        error: &Error,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (id, kind, cause) = (work.row.id, work.row.kind.as_str(), chain(error));
        tracing::error!(job = %id, kind, cause, "a job failed for good");
        JobCounters::note(&self.queue.counters().failed);
        let store = self.queue.store();
        store.fail_job(&work.held, &error.to_string(), now).await
    }
}

/// The pause after so many attempts. Half of it is at random, so that jobs that failed together do
/// not come back together.
fn pause(attempts: u32, random: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    let whole = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        let seconds = |attempts, random| pause(attempts, random).as_secs_f64();
        assert_eq!([seconds(1, 0), seconds(1, u32::MAX)], [1.0, 2.0]);
        assert_eq!([seconds(3, 0), seconds(3, u32::MAX)], [4.0, 8.0]);
        assert_eq!([seconds(99, 0), seconds(99, u32::MAX)], [300.0, 600.0]);
    }
}
