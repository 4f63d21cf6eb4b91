//! Jobs: who gets them, and what becomes of them.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use uuid::Uuid;

use super::support::{document, on_both, tenant, time, unique};
use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::{Holding, JobQuery, JobRow, JobState, NewJob, Store};

/// A kind that no other test has, since tests share a database.
fn kind() -> &'static str {
    unique("kind").leak()
}

/// A job that is due at the first microsecond and may be tried three times.
fn job(kind: &'static str, tenant: Option<&Tenant>) -> NewJob {
    NewJob {
        gpt_id: tenant.map(|tenant| tenant.gpt_id().clone()),
        id: Uuid::now_v7(),
        kind,
        payload: document(r#"{"file":1.50}"#),
        unique_key: None,
        max_attempts: 3,
        run_at: time(1),
        created_at: time(1),
    }
}

async fn enqueued(store: &Store, kind: &'static str) -> Uuid {
    let job = job(kind, None);
    assert!(store.enqueue_job(&job).await.unwrap());
    job.id
}

/// Claims one job at `now`, for ten microseconds.
async fn claim(store: &Store, kind: &'static str, now: i64) -> Option<(JobRow, Holding)> {
    let mut claimed = store
        .claim_jobs(&[kind], "w", time(now), time(now + 10), 1)
        .await
        .unwrap();
    assert!(claimed.len() <= 1);
    claimed.pop()
}

async fn find(store: &Store, id: Uuid) -> JobRow {
    store.find_job(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_job_is_claimed_once_and_ends_with_its_result() {
    on_both(async |store| {
        let (tenant, kind) = (tenant(&store).await, kind());
        let new = job(kind, Some(&tenant));
        assert!(store.enqueue_job(&new).await.unwrap());
        let queued = find(&store, new.id).await;
        assert_eq!((queued.state, queued.attempts), (JobState::Queued, 0));
        assert!(claim(&store, kind, 0).await.is_none(), "not yet due");
        let (row, held) = claim(&store, kind, 5).await.unwrap();
        assert_eq!((row.state, row.attempts), (JobState::Running, 1));
        assert_eq!(row.gpt_id.as_ref(), Some(tenant.gpt_id()));
        assert_eq!(row.payload.as_str(), r#"{"file":1.50}"#);
        assert!(claim(&store, kind, 6).await.is_none(), "somebody has it");
        let result = document(r#"{"n":1}"#);
        assert!(store.complete_job(&held, &result, time(7)).await.unwrap());
        let done = store.get_job(&tenant, new.id).await.unwrap().unwrap();
        assert_eq!(
            (done.state, done.finished_at),
            (JobState::Succeeded, Some(time(7)))
        );
        assert_eq!(done.result, Some(result));
        assert!(claim(&store, kind, 1000).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn another_tenant_has_no_such_job() {
    on_both(async |store| {
        let (owner, other) = (tenant(&store).await, tenant(&store).await);
        let new = job(kind(), Some(&owner));
        store.enqueue_job(&new).await.unwrap();
        assert_eq!(store.get_job(&other, new.id).await.unwrap(), None);
        store.delete_gpt(owner.gpt_id(), None).await.unwrap();
        assert_eq!(store.find_job(new.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn claims_at_once_get_different_jobs() {
    on_both(async |store| {
        let kind = kind();
        for _ in 0..10 {
            enqueued(&store, kind).await;
        }
        let claims = (0..15).map(|_| claim(&store, kind, 5));
        let claimed = join_all(claims).await;
        let ids: HashSet<_> = claimed.iter().flatten().map(|(row, _)| row.id).collect();
        assert_eq!((ids.len(), claimed.iter().flatten().count()), (10, 10));
    })
    .await;
}

/// A worker that stood still must not write over the one that took its place.
#[tokio::test]
async fn what_is_left_behind_is_claimed_anew_and_its_old_holder_writes_nothing() {
    on_both(async |store| {
        let kind = kind();
        let id = enqueued(&store, kind).await;
        let (_, first) = claim(&store, kind, 5).await.unwrap();
        assert!(store.renew_job(&first, time(30)).await.unwrap());
        assert!(claim(&store, kind, 29).await.is_none(), "renewed");
        let (row, second) = claim(&store, kind, 30).await.unwrap();
        assert_eq!((row.id, row.attempts), (id, 2));
        let nothing = document("{}");
        assert!(!store.renew_job(&first, time(90)).await.unwrap());
        assert!(
            !store
                .note_job_progress(&first, &nothing, time(31))
                .await
                .unwrap()
        );
        assert!(
            !store
                .complete_job(&first, &nothing, time(31))
                .await
                .unwrap()
        );
        assert!(!store.fail_job(&first, "no", time(31)).await.unwrap());
        assert!(
            !store
                .put_off_job(&first, "no", time(31), time(31))
                .await
                .unwrap()
        );
        assert!(!store.hand_back_job(&first, time(31)).await.unwrap());
        assert!(
            store
                .complete_job(&second, &nothing, time(32))
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn a_job_that_kills_its_workers_becomes_a_dead_letter() {
    on_both(async |store| {
        let kind = kind();
        let id = enqueued(&store, kind).await;
        for now in [10, 20, 30] {
            assert!(claim(&store, kind, now).await.is_some());
        }
        assert!(claim(&store, kind, 40).await.is_none());
        let dead = find(&store, id).await;
        assert_eq!(
            (dead.state, dead.finished_at),
            (JobState::Failed, Some(time(40)))
        );
        let retried = store.retry_dead_job(id, time(50)).await.unwrap().unwrap();
        assert_eq!((retried.state, retried.attempts), (JobState::Queued, 0));
        assert_eq!((retried.error, retried.finished_at), (None, None));
        assert_eq!(store.retry_dead_job(id, time(50)).await.unwrap(), None);
        assert!(claim(&store, kind, 50).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn progress_is_kept_and_gives_all_attempts_again() {
    on_both(async |store| {
        let kind = kind();
        enqueued(&store, kind).await;
        claim(&store, kind, 10).await.unwrap();
        let (row, held) = claim(&store, kind, 20).await.unwrap();
        assert_eq!((row.attempts, row.progress.as_str()), (2, "{}"));
        let progress = document(r#"{"lines":7}"#);
        assert!(
            store
                .note_job_progress(&held, &progress, time(21))
                .await
                .unwrap()
        );
        let (row, _) = claim(&store, kind, 30).await.unwrap();
        assert_eq!((row.attempts, row.progress), (2, progress));
    })
    .await;
}

#[tokio::test]
async fn a_failure_waits_and_a_job_handed_back_does_not_count() {
    on_both(async |store| {
        let kind = kind();
        let id = enqueued(&store, kind).await;
        let (_, held) = claim(&store, kind, 5).await.unwrap();
        assert!(
            store
                .put_off_job(&held, "away", time(50), time(6))
                .await
                .unwrap()
        );
        let waiting = find(&store, id).await;
        assert_eq!((waiting.state, waiting.attempts), (JobState::Queued, 1));
        assert_eq!(
            (waiting.run_at, waiting.error.as_deref()),
            (time(50), Some("away"))
        );
        assert!(claim(&store, kind, 49).await.is_none());
        let (row, held) = claim(&store, kind, 50).await.unwrap();
        assert_eq!(row.attempts, 2);
        assert!(store.hand_back_job(&held, time(51)).await.unwrap());
        let (row, held) = claim(&store, kind, 51).await.unwrap();
        assert_eq!(row.attempts, 2);
        assert!(store.fail_job(&held, "for good", time(52)).await.unwrap());
        assert_eq!(find(&store, id).await.state, JobState::Failed);
    })
    .await;
}

#[tokio::test]
async fn of_those_with_one_key_one_is_added() {
    on_both(async |store| {
        let kind = kind();
        let keyed = || NewJob {
            unique_key: Some(format!("{kind}:1")),
            ..job(kind, None)
        };
        let added = join_all((0..5).map(async |_| store.enqueue_job(&keyed()).await.unwrap()));
        let added = added.await.into_iter().filter(|added| *added).count();
        assert_eq!(added, 1);
    })
    .await;
}

#[tokio::test]
async fn pages_meet_and_filters_leave_out() {
    on_both(async |store| {
        let (tenant, kind) = (tenant(&store).await, kind());
        let mut ids = Vec::new();
        for number in 1..=5 {
            let owner = (number % 2 == 0).then_some(&tenant);
            let new = NewJob {
                created_at: time(number),
                ..job(kind, owner)
            };
            store.enqueue_job(&new).await.unwrap();
            ids.push(new.id);
        }
        ids.reverse();
        let mut query = JobQuery {
            kind: Some(kind.to_owned()),
            limit: 2,
            ..JobQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let page = store.list_jobs(&query).await.unwrap();
            let Some(last) = page.last() else { break };
            query.after = Some((last.created_at, last.id));
            found.extend(page.iter().map(|row| row.id));
        }
        assert_eq!(found, ids);
        claim(&store, kind, 10).await.unwrap();
        let count = async |state, gpt_id| {
            let query = JobQuery {
                state,
                gpt_id,
                limit: 10,
                after: None,
                ..query.clone()
            };
            store.list_jobs(&query).await.unwrap().len()
        };
        assert_eq!(count(Some(JobState::Running), None).await, 1);
        assert_eq!(count(None, Some(tenant.gpt_id().clone())).await, 2);
    })
    .await;
}

/// A second one would do what the one that waits will do anyway.
#[tokio::test]
async fn a_job_is_added_unless_one_of_its_kind_waits_or_runs() {
    on_both(async |store| {
        let kind = kind();
        let unless = async |states: &[JobState]| {
            let job = job(kind, None);
            store.enqueue_job_unless(&job, states).await.unwrap()
        };
        let (queued, running) = (JobState::Queued, JobState::Running);
        assert!(unless(&[queued, running]).await);
        assert!(!unless(&[queued]).await && !unless(&[running, queued]).await);
        let (_, held) = claim(&store, kind, 5).await.unwrap();
        assert!(!unless(&[queued, running]).await);
        assert!(unless(&[queued]).await);
        let (_, other) = claim(&store, kind, 5).await.unwrap();
        for held in [held, other] {
            let done = store.complete_job(&held, &document("{}"), time(6)).await;
            assert!(done.unwrap());
        }
        assert!(unless(&[queued, running]).await);
    })
    .await;
}

#[tokio::test]
async fn what_ended_is_forgotten_after_its_time() {
    on_both(async |store| {
        let (tenant, kind) = (tenant(&store).await, kind());
        let of_house = enqueued(&store, kind).await;
        let of_gpt = job(kind, Some(&tenant));
        store.enqueue_job(&of_gpt).await.unwrap();
        let waiting = NewJob {
            run_at: Timestamp::now().plus(Duration::from_secs(3600)),
            ..job(kind, None)
        };
        store.enqueue_job(&waiting).await.unwrap();
        for _ in 0..2 {
            let (_, held) = claim(&store, kind, 5).await.unwrap();
            store
                .complete_job(&held, &document("{}"), time(6))
                .await
                .unwrap();
        }
        let is_there = async |id| store.find_job(id).await.unwrap().is_some();
        // Others' jobs of this run are pruned too, so their number says nothing.
        store.prune_jobs(time(7), time(6)).await.unwrap();
        assert!(!is_there(of_house).await && is_there(of_gpt.id).await);
        store.prune_jobs(time(7), time(7)).await.unwrap();
        assert!(!is_there(of_gpt.id).await && is_there(waiting.id).await);
    })
    .await;
}

#[tokio::test]
async fn who_listens_is_woken_by_a_job_that_is_added() {
    on_both(async |store| {
        let Some(mut wakeups) = store.job_wakeups().await.unwrap() else {
            return;
        };
        enqueued(&store, kind()).await;
        let woken = tokio::time::timeout(Duration::from_secs(5), wakeups.next());
        woken.await.unwrap().unwrap();
    })
    .await;
}
