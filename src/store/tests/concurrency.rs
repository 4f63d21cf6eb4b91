//! Writers that meet.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::support::{
    collection, create, document, get, migrated, notes, object, on_both, on_postgres_alone, settle,
    tenant, time, with_option,
};
use crate::document::Document;
use crate::ids::Tenant;
use crate::store::objects::create::CreateError;
use crate::store::{
    Backend, BatchWrite, Change, CreateOnceError, Idempotency, LockedObject, ObjectUpdate, Store,
};

/// The count of a document `{"n": …}`, and the document that counts one more.
fn counted(body: &Document) -> Document {
    let number: u64 = body.as_str()[r#"{"n":"#.len()..]
        .trim_end_matches('}')
        .parse()
        .unwrap();
    document(&format!(r#"{{"n":{}}}"#, number + 1))
}

fn count_up(locked: &LockedObject) -> Result<Change, Infallible> {
    Ok(Change::Body(counted(&locked.row.body)))
}

/// With `BEGIN DEFERRED`, SQLite fails most of these 640 transactions with SQLITE_BUSY, whatever its timeout.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_counts_at_once_none_is_lost() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(&store, &tenant, "notes", r#"{"n":0}"#, time(1)).await;
        // PostgreSQL has no such trap: there a few counts show that the row is locked.
        let each = match store.backend() {
            Backend::Sqlite => 10,
            Backend::Postgres => 2,
        };
        let counts = (0..64).map(|_| {
            let (store, tenant) = (store.clone(), tenant.clone());
            tokio::spawn(async move {
                for _ in 0..each {
                    let update = store.update_object(&tenant, id, || time(2), count_up);
                    update.await.unwrap().unwrap();
                }
            })
        });
        for count in counts.collect::<Vec<_>>() {
            count.await.unwrap();
        }
        let row = get(&store, &tenant, id).await;
        let total = 64 * each;
        assert_eq!(row.body.as_str(), format!(r#"{{"n":{total}}}"#));
        assert_eq!(row.version, total + 1);
    })
    .await;
}

/// Another process, such as a command beside the server, has a writer of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_two_processes_count_without_loss() {
    super::support::on_both_alone(async |settings| {
        let stores = [migrated(&settings).await, migrated(&settings).await];
        let tenant = tenant(&stores[0]).await;
        collection(&stores[0], &tenant, "notes").await;
        let id = create(&stores[0], &tenant, "notes", r#"{"n":0}"#, time(1)).await;
        let counts = (0..100).map(|number: usize| {
            stores[number % 2].update_object(&tenant, id, || time(2), count_up)
        });
        for count in join_all(counts).await {
            count.unwrap().unwrap();
        }
        assert_eq!(get(&stores[0], &tenant, id).await.version, 101);
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

/// Changes the schema of `notes` in a transaction that is not committed yet.
async fn change_schema(store: &Store, tenant: &Tenant) -> sea_orm::DatabaseTransaction {
    let transaction = store.begin().await.unwrap();
    let lock = store.locking(" FOR UPDATE");
    let locked = store.find_collection(&transaction, tenant, notes(), lock);
    locked.await.unwrap().unwrap();
    let change = store.statement(
        "UPDATE collections SET version = 2, schema = json('{}') WHERE gpt_id = $1",
        [tenant.gpt_id().into()],
    );
    transaction.execute_raw(change).await.unwrap();
    transaction
}

/// A writer validates, then waits for a schema change under way, and must not slip in after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_behind_a_schema_change_reports_it() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let change = change_schema(&store, &tenant).await;
        let object = object("notes", "{}", time(1));
        let once = object.clone();
        let create = {
            let (store, tenant) = (store.clone(), tenant.clone());
            tokio::spawn(async move { store.create_object(&tenant, object).await })
        };
        let create_once = {
            let (store, tenant) = (store.clone(), tenant.clone());
            tokio::spawn(async move {
                let key = idempotency();
                store
                    .create_object_once(&tenant, &once, &key, "answer")
                    .await
            })
        };
        settle().await;
        assert!(
            !create.is_finished(),
            "the create did not wait for the change"
        );
        assert!(
            !create_once.is_finished(),
            "the create with a key did not wait for the change"
        );
        change.commit().await.unwrap();
        let created = create.await.unwrap();
        assert!(
            matches!(created, Err(CreateError::CollectionChanged)),
            "{created:?}"
        );
        let created = create_once.await.unwrap();
        assert!(
            matches!(created, Err(CreateOnceError::CollectionChanged)),
            "{created:?}"
        );
    })
    .await;
}

fn idempotency() -> Idempotency {
    Idempotency {
        key_hash: [7; 32],
        fingerprint: [7; 32],
        now: time(0),
        expires_at: time(1_000_000),
    }
}

/// A schema change that is taken back leaves the version, and the writer goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_behind_a_schema_change_that_fails_succeeds() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let change = change_schema(&store, &tenant).await;
        let create = {
            let (store, tenant) = (store.clone(), tenant.clone());
            tokio::spawn(async move {
                store
                    .create_object(&tenant, object("notes", "{}", time(1)))
                    .await
            })
        };
        settle().await;
        change.rollback().await.unwrap();
        create.await.unwrap().unwrap();
    })
    .await;
}

/// An update and a batch decide by the schema that the change has left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_behind_a_schema_change_sees_the_new_one() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(&store, &tenant, "notes", "{}", time(1)).await;
        let change = change_schema(&store, &tenant).await;
        let seen = |store: &Store| {
            let (store, tenant) = (store.clone(), tenant.clone());
            tokio::spawn(async move {
                let mut versions = Vec::new();
                let update = store.update_object(
                    &tenant,
                    id,
                    || time(2),
                    |locked| {
                        versions.push((
                            locked.collection.version,
                            locked.collection.schema.is_some(),
                        ));
                        Ok::<_, ()>(Change::Keep)
                    },
                );
                update.await.unwrap();
                let ids = [id];
                let batch = store.write_batch(&tenant, notes(), None, &ids, |locked| {
                    versions.push((
                        locked.collection.version,
                        locked.collection.schema.is_some(),
                    ));
                    Err::<BatchWrite, _>(())
                });
                batch.await.unwrap_err();
                versions
            })
        };
        let seen = seen(&store);
        settle().await;
        assert!(
            !seen.is_finished(),
            "the update did not wait for the change"
        );
        change.commit().await.unwrap();
        assert_eq!(seen.await.unwrap(), [(2, true), (2, true)]);
    })
    .await;
}

/// While an object is being changed under a schema, that schema stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_change_waits_for_writers() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(&store, &tenant, "notes", "{}", time(1)).await;
        let writer = store.begin().await.unwrap();
        store
            .lock_object(&writer, &tenant, id)
            .await
            .unwrap()
            .unwrap();
        let put = {
            let (store, tenant) = (store.clone(), tenant.clone());
            tokio::spawn(async move {
                let (schema, id) = (document("{}"), Uuid::now_v7());
                let accept = |_: Option<&_>| Ok::<_, ()>(());
                store
                    .put_collection(&tenant, notes(), Some(&schema), id, time(2), accept)
                    .await
            })
        };
        settle().await;
        assert!(!put.is_finished(), "the schema changed under a writer");
        writer.rollback().await.unwrap();
        assert_eq!(put.await.unwrap().unwrap().0.version, 2);
    })
    .await;
}

/// Batches lock in one order, whatever order they name their objects in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_in_opposite_order_do_not_block_each_other() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let mut ids = Vec::new();
        for number in 0..10 {
            ids.push(create(&store, &tenant, "notes", r#"{"n":0}"#, time(number)).await);
        }
        let attempts = AtomicU32::new(0);
        let batches = (0..40).map(|number| {
            let mut ids = ids.clone();
            if number % 2 == 0 {
                ids.reverse();
            }
            let (store, tenant, attempts) = (&store, &tenant, &attempts);
            async move {
                let batch = store.write_batch(tenant, notes(), None, &ids, |locked| {
                    attempts.fetch_add(1, Ordering::Relaxed);
                    let updates = locked.objects.values().map(|object| ObjectUpdate {
                        id: object.id,
                        body: counted(&object.body),
                        version: object.version + 1,
                    });
                    Ok::<_, ()>(BatchWrite {
                        inserts: Vec::new(),
                        updates: updates.collect(),
                        deletes: Vec::new(),
                        at: time(9),
                        answer: String::new(),
                    })
                });
                batch.await.unwrap().unwrap();
            }
        });
        join_all(batches).await;
        for id in ids {
            assert_eq!(get(&store, &tenant, id).await.body.as_str(), r#"{"n":40}"#);
        }
        assert_eq!(attempts.into_inner(), 40, "a batch had to be run again");
    })
    .await;
}

/// PostgreSQL ends a deadlock by failing one transaction; ours is run again and succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_run_again() {
    on_postgres_alone(async |settings| {
        let impatient = with_option(&settings, "deadlock_timeout", "300ms");
        let store = migrated(&impatient).await;
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let first = create(&store, &tenant, "notes", r#"{"n":0}"#, time(1)).await;
        let second = create(&store, &tenant, "notes", r#"{"n":0}"#, time(2)).await;

        let other = store.begin().await.unwrap();
        let lock = |id: Uuid| {
            let gpt_id = tenant.gpt_id();
            let lock =
                format!("UPDATE objects SET version = 9 WHERE gpt_id = '{gpt_id}' AND id = $1");
            store.statement(lock, [id.into()])
        };
        other.execute_raw(lock(second)).await.unwrap();
        // The batch locks the first and waits for the second, so that its patience ends first.
        let batch = {
            let (store, tenant) = (store.clone(), tenant.clone());
            tokio::spawn(async move {
                let ids = [first, second];
                let batch = store.write_batch(&tenant, notes(), None, &ids, |locked| {
                    Ok::<_, ()>(BatchWrite {
                        inserts: Vec::new(),
                        updates: vec![ObjectUpdate {
                            id: second,
                            body: document("{}"),
                            version: locked.objects[&second].version + 1,
                        }],
                        deletes: Vec::new(),
                        at: time(9),
                        answer: String::new(),
                    })
                });
                batch.await
            })
        };
        settle().await;
        let locked = other.execute_raw(lock(first)).await;
        assert!(locked.is_ok(), "the wrong transaction gave way: {locked:?}");
        other.commit().await.unwrap();
        assert!(batch.await.unwrap().unwrap().is_some());
        assert_eq!(get(&store, &tenant, second).await.version, 10);
        store.close().await;
    })
    .await;
}

/// A client that hangs up in the middle leaves neither a lock nor a half-made transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_away_do_no_harm() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(&store, &tenant, "notes", r#"{"n":0}"#, time(1)).await;
        for micros in (0..3000).step_by(50) {
            let update = store.update_object(&tenant, id, || time(2), count_up);
            let create = store.create_object(&tenant, object("notes", "{}", time(3)));
            let both = futures::future::join(update, create);
            let _gone = tokio::time::timeout(Duration::from_micros(micros), both).await;
        }
        // A commit that was under way when its caller left may still come; halves never do.
        let update = store.update_object(&tenant, id, || time(2), count_up);
        let after = update.await.unwrap().unwrap().row;
        let counted = format!(r#"{{"n":{}}}"#, after.version - 1);
        assert_eq!(after.body.as_str(), counted);
    })
    .await;
}
