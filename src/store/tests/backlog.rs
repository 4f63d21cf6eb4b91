//! How much there is to do, as operators are told.

use uuid::Uuid;

use super::support::{document, migrated, on_both_alone, time};
use crate::store::{JobBacklog, NewJob};

#[tokio::test]
async fn jobs_that_are_not_done_are_counted() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        assert_eq!(store.job_backlog().await.unwrap(), JobBacklog::default());
        for due in [30, 20, 10] {
            let job = NewJob {
                gpt_id: None,
                id: Uuid::now_v7(),
                kind: "kind",
                payload: document("{}"),
                unique_key: None,
                max_attempts: 1,
                run_at: time(due),
                created_at: time(1),
            };
            assert!(store.enqueue_job(&job).await.unwrap());
        }
        let (now, until) = (time(15), time(16));
        let claimed = store.claim_jobs(&["kind"], "w", now, until, 9).await;
        assert_eq!(claimed.unwrap().len(), 1);
        let expected = JobBacklog {
            queued: 2,
            running: 1,
            failed: 0,
            next: Some(time(20)),
        };
        assert_eq!(store.job_backlog().await.unwrap(), expected);
    })
    .await;
}
