//! One object at a time.

use std::convert::Infallible;

use futures::future::join_all;
use uuid::Uuid;

use super::support::{
    collection, collection_id, create, document, get, list, name, notes, object, on_both, query,
    tenant, time,
};
use crate::store::objects::create::CreateError;
use crate::store::{Change, NewObject, StoreErrorKind, UniqueKey, WriteError};

#[tokio::test]
async fn an_object_is_read_back_as_it_was_created() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(
            &store,
            &tenant,
            "notes",
            r#"{"a": [1, 2.50]}"#,
            time(123_456),
        )
        .await;
        let row = get(&store, &tenant, id).await;
        assert_eq!(row.id, id);
        assert_eq!(row.collection, name("notes"));
        assert_eq!(row.body.as_str(), r#"{"a":[1,2.50]}"#);
        assert_eq!(row.version, 1);
        assert_eq!(
            (row.created_at, row.updated_at),
            (time(123_456), time(123_456))
        );
    })
    .await;
}

#[tokio::test]
async fn another_tenants_object_does_not_exist() {
    on_both(async |store| {
        let (owner, other) = (tenant(&store).await, tenant(&store).await);
        for tenant in [&owner, &other] {
            collection(&store, tenant, "notes").await;
        }
        let id = create(&store, &owner, "notes", "{}", time(1)).await;
        assert!(store.get_object(&other, id).await.unwrap().is_none());
        let update = store.update_object(
            &other,
            id,
            || time(2),
            |_| -> Result<Change, ()> { panic!("nothing should be shown to another tenant") },
        );
        assert!(update.await.unwrap().is_none());
        assert!(
            list(&store, &other, "notes", &query())
                .await
                .items
                .is_empty()
        );

        // The same id may exist for both, and each sees its own.
        let twin = NewObject {
            id,
            ..object("notes", r#"{"mine":true}"#, time(3))
        };
        store.create_object(&other, twin).await.unwrap();
        assert_eq!(get(&store, &owner, id).await.body.as_str(), "{}");
        assert_eq!(
            get(&store, &other, id).await.body.as_str(),
            r#"{"mine":true}"#
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_is_created_under_another_version_of_the_collection() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let old = NewObject {
            collection_version: 2,
            ..object("notes", "{}", time(1))
        };
        let nowhere = object("nowhere", "{}", time(1));
        // A collection deleted and made again begins at version 1, too.
        let former = NewObject {
            collection_id: Uuid::now_v7(),
            ..object("notes", "{}", time(1))
        };
        for object in [old, nowhere, former] {
            let id = object.id;
            let created = store.create_object(&tenant, object).await;
            assert!(
                matches!(created, Err(CreateError::CollectionChanged)),
                "{created:?}"
            );
            assert!(store.get_object(&tenant, id).await.unwrap().is_none());
        }
    })
    .await;
}

/// Creates that share a commit do not share a failure.
#[tokio::test]
async fn one_bad_create_fails_alone() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let taken = create(&store, &tenant, "notes", "{}", time(1)).await;
        let creates = (0..100).map(|number| {
            let mut new = object("notes", "{}", time(number));
            match number {
                20 => new.id = taken,
                40 => new.collection_version = 7,
                60 => new.collection = name("nowhere"),
                _ => {}
            }
            store.create_object(&tenant, new)
        });
        let results = join_all(creates).await;
        for (number, result) in results.iter().enumerate() {
            match (number, result) {
                (20, Err(CreateError::Store(error))) => {
                    let taken = StoreErrorKind::UniqueViolation(UniqueKey::Primary);
                    assert_eq!(error.kind(), taken);
                }
                (40 | 60, Err(CreateError::CollectionChanged)) => {}
                (20 | 40 | 60, other) => panic!("{number}: {other:?}"),
                (_, result) => assert!(result.is_ok(), "{number}: {result:?}"),
            }
        }
        let page = list(&store, &tenant, "notes", &query()).await;
        assert_eq!(page.items.len(), 98);
    })
    .await;
}

#[tokio::test]
async fn campaign_many_large_objects_at_once_are_split_over_statements() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let text = "x".repeat(1_000_000);
        let large = object("notes", &format!(r#"{{"text":"{text}"}}"#), time(1));
        let creates = (0..10).map(|_| {
            let id = Uuid::now_v7();
            store.create_object(
                &tenant,
                NewObject {
                    id,
                    ..large.clone()
                },
            )
        });
        for created in join_all(creates).await {
            created.unwrap();
        }
        let small = crate::store::ListQuery {
            max_bytes: 3_000_000,
            ..query()
        };
        let page = list(&store, &tenant, "notes", &small).await;
        assert_eq!((page.items.len(), page.more), (2, true));
    })
    .await;
}

#[tokio::test]
async fn an_update_decides_by_what_is_there() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let schema = document(r#"{"type":"object"}"#);
        let accept = |_: Option<&_>| Ok::<_, ()>(());
        let put = |schema| {
            let (store, tenant) = (store.clone(), tenant.clone());
            async move {
                let id = collection_id("notes");
                let put = store.put_collection(&tenant, notes(), schema, id, time(1), accept);
                put.await.unwrap().0
            }
        };
        put(None).await;
        let id = create(&store, &tenant, "notes", r#"{"n":1}"#, time(10)).await;
        let collection = put(Some(&schema)).await;

        let updated = store.update_object(
            &tenant,
            id,
            || time(20),
            |locked| {
                assert_eq!(locked.row.body.as_str(), r#"{"n":1}"#);
                assert_eq!(locked.collection.schema.as_ref(), Some(&schema));
                assert_eq!(
                    (locked.collection.id, locked.collection.version),
                    (collection.id, 2)
                );
                Ok::<_, Infallible>(Change::Body(document(r#"{"n":2}"#)))
            },
        );
        let updated = updated.await.unwrap().unwrap().row;
        assert_eq!((updated.version, updated.updated_at), (2, time(20)));
        assert_eq!(
            (updated.created_at, updated.body.as_str()),
            (time(10), r#"{"n":2}"#)
        );
        assert_eq!(
            format!("{:?}", get(&store, &tenant, id).await),
            format!("{updated:?}")
        );

        let behind = store.update_object(
            &tenant,
            id,
            || time(5),
            |_| Ok::<_, Infallible>(Change::Body(document("{}"))),
        );
        assert_eq!(behind.await.unwrap().unwrap().row.updated_at, time(20));
    })
    .await;
}

#[tokio::test]
async fn an_update_may_keep_refuse_or_delete() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(&store, &tenant, "notes", "{}", time(10)).await;
        let update = async |change: Result<Change, &'static str>| {
            store
                .update_object(&tenant, id, || time(20), |_| change.clone())
                .await
        };
        assert_eq!(
            update(Ok(Change::Keep)).await.unwrap().unwrap().row.version,
            1
        );
        let refused = update(Err("no")).await;
        assert!(
            matches!(refused, Err(WriteError::Refused("no"))),
            "{refused:?}"
        );
        assert_eq!(get(&store, &tenant, id).await.version, 1);
        assert_eq!(
            update(Ok(Change::Delete))
                .await
                .unwrap()
                .unwrap()
                .row
                .version,
            1
        );
        assert!(update(Ok(Change::Delete)).await.unwrap().is_none());
        assert!(store.get_object(&tenant, id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn many_reads_at_once_get_each_its_own() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let creates = (0..50).map(async |number| {
            let body = format!(r#"{{"n":{number}}}"#);
            (create(&store, &tenant, "notes", &body, time(1)).await, body)
        });
        let mut wanted = join_all(creates).await;
        wanted.extend(wanted.clone());
        let reads = wanted.iter().map(async |(id, body)| {
            assert!(
                store
                    .get_object(&tenant, Uuid::now_v7())
                    .await
                    .unwrap()
                    .is_none()
            );
            assert_eq!(get(&store, &tenant, *id).await.body.as_str(), body);
        });
        join_all(reads).await;
    })
    .await;
}
