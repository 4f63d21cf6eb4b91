//! Requests that are sent twice.

use futures::future::join_all;
use sea_orm::ConnectionTrait;

use super::support::{
    collection, list, migrated, notes, object, on_both, on_both_alone, query, tenant, time,
};
use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::idempotency::lock_key;
use crate::store::{
    Backend, BatchError, BatchOutcome, BatchWrite, CreateOnceError, CreateOnceOutcome, Idempotency,
    NewObject, Store,
};

fn key(key: u8, fingerprint: u8, now: Timestamp) -> Idempotency {
    Idempotency {
        key_hash: [key; 32],
        fingerprint: [fingerprint; 32],
        now,
        expires_at: now.plus(std::time::Duration::from_millis(1)),
    }
}

async fn create_once(
    store: &Store,
    tenant: &Tenant,
    idempotency: &Idempotency,
    answer: &str,
) -> Result<CreateOnceOutcome, CreateOnceError> {
    let object = object("notes", "{}", time(1));
    store
        .create_object_once(tenant, &object, idempotency, answer)
        .await
}

async fn count(store: &Store, tenant: &Tenant) -> usize {
    list(store, tenant, "notes", &query()).await.items.len()
}

#[tokio::test]
async fn the_first_answer_is_given_again() {
    on_both(async |store| {
        let (tenant, other) = (tenant(&store).await, tenant(&store).await);
        for tenant in [&tenant, &other] {
            collection(&store, tenant, "notes").await;
        }
        let (first, mismatch) = (key(1, 1, time(0)), key(1, 2, time(0)));
        let done = create_once(&store, &tenant, &first, "first").await.unwrap();
        assert_eq!(done, CreateOnceOutcome::Done(None));
        let again = create_once(&store, &tenant, &first, "second")
            .await
            .unwrap();
        assert_eq!(again, CreateOnceOutcome::Replay("first".to_owned()));
        let error = create_once(&store, &tenant, &mismatch, "third")
            .await
            .unwrap_err();
        assert!(
            matches!(error, CreateOnceError::IdempotencyMismatch),
            "{error:?}"
        );
        assert_eq!(count(&store, &tenant).await, 1);
        let elsewhere = create_once(&store, &other, &first, "other").await.unwrap();
        assert_eq!(elsewhere, CreateOnceOutcome::Done(None));
    })
    .await;
}

#[tokio::test]
async fn an_expired_key_is_as_good_as_new() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        create_once(&store, &tenant, &key(1, 1, time(0)), "old")
            .await
            .unwrap();
        let later = key(1, 2, time(1000));
        let done = create_once(&store, &tenant, &later, "new").await.unwrap();
        assert_eq!(done, CreateOnceOutcome::Done(None));
        let again = create_once(&store, &tenant, &later, "").await.unwrap();
        assert_eq!(again, CreateOnceOutcome::Replay("new".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_failed_request_leaves_its_key_free() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let stale = NewObject {
            collection_version: 9,
            ..object("notes", "{}", time(1))
        };
        let idempotency = key(1, 1, time(0));
        let failed = store
            .create_object_once(&tenant, &stale, &idempotency, "")
            .await;
        assert!(
            matches!(failed, Err(CreateOnceError::CollectionChanged)),
            "{failed:?}"
        );
        let done = create_once(&store, &tenant, &idempotency, "")
            .await
            .unwrap();
        assert_eq!(done, CreateOnceOutcome::Done(None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_takes_effect() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let idempotency = key(1, 1, time(0));
        let creates = (0..16).map(|_| create_once(&store, &tenant, &idempotency, "answer"));
        let mut done = 0;
        for result in join_all(creates).await {
            match result {
                Ok(CreateOnceOutcome::Done(_)) => done += 1,
                Ok(CreateOnceOutcome::Replay(answer)) => assert_eq!(answer, "answer"),
                Err(CreateOnceError::IdempotencyRunning) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((done, count(&store, &tenant).await), (1, 1));
    })
    .await;
}

/// While one runs, on this replica or on another, the next is told so, and after it may try again.
#[tokio::test]
async fn a_running_request_is_reported() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let idempotency = key(1, 1, time(0));
        let running = async || {
            let once = create_once(&store, &tenant, &idempotency, "").await;
            assert!(
                matches!(once, Err(CreateOnceError::IdempotencyRunning)),
                "{once:?}"
            );
            let batch = store.write_batch(&tenant, notes(), Some(&idempotency), &[], |_| {
                Ok::<_, ()>(nothing())
            });
            let batch = batch.await;
            assert!(
                matches!(batch, Err(BatchError::IdempotencyRunning)),
                "{batch:?}"
            );
        };
        let here = store.mark_running(&tenant, &idempotency).unwrap();
        running().await;
        drop(here);
        if store.backend() == Backend::Postgres {
            let elsewhere = store.begin().await.unwrap();
            let key = lock_key(&tenant, &idempotency);
            assert!(store.try_advisory_lock(&elsewhere, key).await.unwrap());
            running().await;
            elsewhere.rollback().await.unwrap();
        }
        let done = create_once(&store, &tenant, &idempotency, "")
            .await
            .unwrap();
        assert_eq!(done, CreateOnceOutcome::Done(None));
    })
    .await;
}

fn nothing() -> BatchWrite {
    BatchWrite {
        inserts: Vec::new(),
        updates: Vec::new(),
        deletes: Vec::new(),
        at: time(1),
        answer: "batch".to_owned(),
    }
}

#[tokio::test]
async fn a_batch_is_decided_once() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let idempotency = key(1, 1, time(0));
        let write = async |decide: fn() -> BatchWrite| {
            let batch = store.write_batch(&tenant, notes(), Some(&idempotency), &[], |_| {
                Ok::<_, ()>(decide())
            });
            batch.await.unwrap().unwrap()
        };
        assert_eq!(
            write(nothing).await,
            BatchOutcome::Written("batch".to_owned(), None)
        );
        let again = write(|| panic!("a batch that was answered is not decided again")).await;
        assert_eq!(again, BatchOutcome::Replay("batch".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_sweep_deletes_what_has_expired() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        for number in 0..5 {
            let idempotency = key(number, 1, time(i64::from(number)));
            create_once(&store, &tenant, &idempotency, "").await.unwrap();
        }
        // More than one batch of the sweep.
        let many = match store.backend() {
            Backend::Postgres => "SELECT i FROM generate_series(1000, 1999) AS g (i)",
            Backend::Sqlite => {
                "WITH RECURSIVE g (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM g WHERE i < 1999) \
                 SELECT i FROM g"
            }
        };
        let hash = match store.backend() {
            Backend::Postgres => "decode(i::text, 'hex')",
            Backend::Sqlite => "CAST(i AS blob)",
        };
        let insert = store.statement(
            format!(
                "INSERT INTO idempotency_keys SELECT $1, {hash}, {hash}, '', $2, $2 FROM ({many}) AS m"
            ),
            [tenant.gpt_id().into(), time(1).into()],
        );
        store.database().writes().execute_raw(insert).await.unwrap();
        // Keys live for a millisecond; three of the five have expired by then.
        assert_eq!(store.sweep_idempotency_keys(time(1002)).await.unwrap(), 1003);
        assert_eq!(store.sweep_idempotency_keys(time(1002)).await.unwrap(), 0);
        store.close().await;
    })
    .await;
}
