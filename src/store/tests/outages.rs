//! Databases that go away, and stores that do.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::support::{
    collection, create, get, in_own_database, list, migrated, object, on_both_alone,
    on_postgres_alone, query, sql, tenant, time,
};
use crate::store::objects::create::CreateError;
use crate::store::{Change, DatabaseSettings, Store, StoreErrorKind, WriteError};

#[tokio::test]
async fn a_store_opens_without_its_server_and_says_so() {
    // Nobody listens on this port: it was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let settings = DatabaseSettings {
        acquire_timeout: Duration::from_millis(300),
        ..DatabaseSettings::new(format!("postgres://nobody@{address}/nothing"))
    };
    let store = Store::connect(&settings).await.unwrap();
    let tenant = crate::ids::Tenant::vouched("alice".parse().unwrap());
    let begun = Instant::now();
    let unavailable = StoreErrorKind::Unavailable;
    assert_eq!(store.ping().await.unwrap_err().kind(), unavailable);
    let read = store.get_object(&tenant, uuid::Uuid::now_v7()).await;
    assert_eq!(read.unwrap_err().kind(), unavailable);
    match store
        .create_object(&tenant, object("notes", "{}", time(1)))
        .await
    {
        Err(CreateError::Store(error)) => assert_eq!(error.kind(), unavailable),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.migrate().await.unwrap_err().kind(), unavailable);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    store.close().await;
}

/// All connections are cut, as when the server restarts. Whoever was talking gets an error; the
/// store heals by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_are_replaced() {
    in_own_database(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(&store, &tenant, "notes", "{}", time(1)).await;
        let reads = (0..20).map(|_| store.get_object(&tenant, id));
        join_all(reads).await;

        let waiting = store.begin().await.unwrap();
        let cut = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let other = migrated(&settings).await;
        sql(&other, cut).await;
        let ended = waiting
            .commit()
            .await
            .map_err(crate::store::StoreError::from);
        assert_eq!(ended.unwrap_err().kind(), StoreErrorKind::Unavailable);

        // The connections that rested are found dead before a caller's statement runs on them.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let reads = (0..20).map(|_| store.get_object(&tenant, id));
        for read in join_all(reads).await {
            assert!(read.unwrap().is_some());
        }
        create(&store, &tenant, "notes", "{}", time(2)).await;
        store.close().await;
        other.close().await;
    })
    .await;
}

/// A statement that takes too long is ended by the server.
#[tokio::test]
async fn a_slow_statement_times_out() {
    on_postgres_alone(async |settings| {
        let settings = DatabaseSettings {
            statement_timeout: Duration::from_millis(50),
            ..settings
        };
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(&store, &tenant, "notes", "{}", time(1)).await;
        let blocker = store.begin().await.unwrap();
        store.lock_object(&blocker, &tenant, id).await.unwrap();
        let blocked = store.update_object(&tenant, id, || time(2), |_| Ok::<_, ()>(Change::Delete));
        match blocked.await {
            Err(WriteError::Store(error)) => assert_eq!(error.kind(), StoreErrorKind::Timeout),
            other => panic!("{other:?}"),
        }
        blocker.rollback().await.unwrap();
        store.close().await;
    })
    .await;
}

/// What was acknowledged before the store closed is there when it opens again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_finishes_what_was_begun() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let creates = (0..150).map(|number| {
            let (store, tenant) = (store.clone(), tenant.clone());
            tokio::spawn(async move {
                store
                    .create_object(&tenant, object("notes", "{}", time(number)))
                    .await
            })
        });
        let creates: Vec<_> = creates.collect();
        tokio::task::yield_now().await;
        store.close().await;
        let mut created = 0;
        for create in creates {
            match create.await.unwrap() {
                Ok(_) => created += 1,
                Err(CreateError::Store(error)) => {
                    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(
            store.ping().await.unwrap_err().kind(),
            StoreErrorKind::Unavailable
        );

        let again = migrated(&settings).await;
        let page = list(&again, &tenant, "notes", &query()).await;
        assert_eq!(page.items.len(), created);
        again.close().await;
    })
    .await;
}

/// The tasks of a store that is dropped end, and let go of the database.
#[tokio::test]
async fn a_dropped_store_finishes_its_creates() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let new = object("notes", "{}", time(1));
        let id = new.id;
        {
            let create = store.create_object(&tenant, new);
            let mut create = std::pin::pin!(create);
            // Handed in, but not waited for.
            assert!(futures::poll!(create.as_mut()).is_pending());
        }
        drop(store);
        super::support::settle().await;
        let again = migrated(&settings).await;
        get(&again, &tenant, id).await;
        again.close().await;
    })
    .await;
}
