//! What wakes the worker from outside of its process.

use std::time::Duration;

use futures::future::pending;
use tokio::sync::watch;
use tokio::time::sleep;

use super::super::counters::JobCounters;
use super::super::delivery::Delivery;
use super::super::queue::Queue;
use crate::error::chain;

/// How long to wait before Redis or PostgreSQL is asked again to tell of jobs; meanwhile the
/// worker looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes the worker of this process when somebody else added a job, until it stops.
pub(super) async fn listen(queue: Queue, mut stopped: watch::Receiver<bool>) {
    let listening = async {
        match queue.delivery() {
            Some(delivery) => listen_to_redis(&queue, delivery).await,
            None => listen_to_database(&queue).await,
        }
    };
    tokio::select! {
        () = listening => {}
        // Also when the sender of the signal is gone.
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

async fn listen_to_redis(queue: &Queue, delivery: &Delivery) {
    loop {
        let listening = async {
            let mut deliveries = delivery.listen().await?;
            // What was announced while nobody listened.
            queue.wake();
            loop {
                if deliveries.next().await? {
                    queue.wake();
                }
            }
        };
        let Err::<(), redis::RedisError>(error) = listening.await else {
            continue;
        };
        JobCounters::note(&queue.counters().delivery_failures);
        tracing::debug!(cause = chain(&error), "Redis tells of no jobs");
        sleep(PAUSE).await;
    }
}

async fn listen_to_database(queue: &Queue) {
    loop {
        let listening = async {
            let Some(mut wakeups) = queue.store().job_wakeups().await? else {
                return pending().await;
            };
            queue.wake();
            loop {
                wakeups.next().await?;
                queue.wake();
            }
        };
        let Err::<(), crate::store::StoreError>(error) = listening.await else {
            continue;
        };
        tracing::debug!(cause = chain(&error), "the database tells of no jobs");
        sleep(PAUSE).await;
    }
}
