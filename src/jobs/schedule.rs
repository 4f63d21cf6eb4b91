//! Jobs that come round: each period has one, whoever plans it.

use std::collections::HashMap;
use std::time::Duration;

use super::queue::Queue;
use super::work::Job;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::store::{JobState, NewJob};

/// Attempts of a job that comes round anyway.
const ATTEMPTS: u32 = 3;
/// A job of an earlier period that is still in one of these is enough.
const UNDER_WAY: [JobState; 2] = [JobState::Queued, JobState::Running];

/// What was planned by this process, so that it does not ask the database all the time.
#[derive(Default)]
pub(super) struct Schedule(HashMap<&'static str, Timestamp>);

impl Schedule {
    /// Plans what the period of `now` is to have.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn plan(
        &mut self,
        queue: &Queue,
        jobs: &[Box<dyn Job>],
        now: Timestamp,
    ) -> Result<(), Error> {
        for job in jobs {
            let Some(every) = job.every() else { continue };
            let period = period(now, every);
            if self.0.get(job.kind()) == Some(&period) {
                continue;
            }
            let planned = planned(job.kind(), period, now);
            queue.enqueue_unless(&planned, &UNDER_WAY).await?;
            self.0.insert(job.kind(), period);
        }
        Ok(())
    }
}

fn planned(kind: &'static str, period: Timestamp, now: Timestamp) -> NewJob {
    NewJob {
        unique_key: Some(format!("{kind}:{period}")),
        ..NewJob::of_house(kind, ATTEMPTS, now)
    }
}

/// When the period began that `now` lies in.
fn period(now: Timestamp, every: Duration) -> Timestamp {
    let micros = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1);
    let begin = now.as_micros() - now.as_micros().rem_euclid(micros);
    Timestamp::from_micros(begin).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_one_name() {
        let every = Duration::from_secs(300);
        let of = |text: &str| period(text.parse().unwrap(), every).to_string();
        assert_eq!(
            of("2026-11-21T16:04:59.999999Z"),
            "2026-11-21T16:00:00.000000Z"
        );
        assert_eq!(of("2026-11-21T16:00:00Z"), "2026-11-21T16:00:00.000000Z");
        assert_eq!(of("2026-11-21T16:05:00Z"), "2026-11-21T16:05:00.000000Z");
    }
}
