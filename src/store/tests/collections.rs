//! Collections.

use futures::future::join_all;
use uuid::Uuid;

use super::support::{collection, create, document, get, name, notes, on_both, tenant, time};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::{GptId, Tenant};
use crate::store::{CollectionRow, Keyset, Put, Store, StoreErrorKind, WriteError};

async fn put(
    store: &Store,
    tenant: &Tenant,
    schema: Option<&Document>,
    at: Timestamp,
) -> (CollectionRow, Put) {
    let accept = |_: Option<&CollectionRow>| Ok::<_, ()>(());
    let put = store.put_collection(tenant, notes(), schema, Uuid::now_v7(), at, accept);
    put.await.unwrap()
}

#[tokio::test]
async fn only_a_changed_schema_makes_a_new_version() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let schema = document(r#"{"type":"object","maximum":1e400}"#);
        let (created, outcome) = put(&store, &tenant, None, time(10)).await;
        assert_eq!(
            (outcome, created.version, &created.schema),
            (Put::Created, 1, &None)
        );

        let (updated, outcome) = put(&store, &tenant, Some(&schema), time(20)).await;
        assert_eq!(
            (outcome, updated.version, updated.id),
            (Put::Updated, 2, created.id)
        );
        assert_eq!(
            (updated.created_at, updated.updated_at),
            (time(10), time(20))
        );

        let (same, outcome) = put(&store, &tenant, Some(&schema), time(30)).await;
        assert_eq!(
            (outcome, same.version, same.updated_at),
            (Put::Unchanged, 2, time(20))
        );

        let (cleared, outcome) = put(&store, &tenant, None, time(5)).await;
        assert_eq!(
            (outcome, cleared.version, &cleared.schema),
            (Put::Updated, 3, &None)
        );
        assert_eq!(
            cleared.updated_at,
            time(20),
            "a clock that is behind does not move it back"
        );

        let read = store
            .get_collection(&tenant, notes())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(format!("{read:?}"), format!("{cleared:?}"));
    })
    .await;
}

#[tokio::test]
async fn the_check_sees_what_is_there_and_may_refuse() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let refuse = |row: Option<&CollectionRow>| Err(row.map(|row| row.version));
        let refused = |result| match result {
            Err(WriteError::Refused(seen)) => seen,
            other => panic!("{other:?}"),
        };
        let id = Uuid::now_v7();
        let put_refused = || store.put_collection(&tenant, notes(), None, id, time(1), refuse);
        assert_eq!(refused(put_refused().await.map(drop)), None);
        assert!(
            store
                .get_collection(&tenant, notes())
                .await
                .unwrap()
                .is_none()
        );

        collection(&store, &tenant, "notes").await;
        assert_eq!(refused(put_refused().await.map(drop)), Some(1));
        let delete = store.delete_collection(&tenant, notes(), |row| Err(Some(row.version)));
        assert_eq!(refused(delete.await.map(drop)), Some(1));
        assert!(
            store
                .get_collection(&tenant, notes())
                .await
                .unwrap()
                .is_some()
        );
    })
    .await;
}

#[tokio::test]
async fn a_deleted_collection_takes_its_objects_along() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        collection(&store, &tenant, "other").await;
        let gone = create(&store, &tenant, "notes", "{}", time(1)).await;
        let kept = create(&store, &tenant, "other", "{}", time(1)).await;
        let delete = || store.delete_collection(&tenant, notes(), |_| Ok::<_, ()>(()));
        assert_eq!(delete().await.unwrap().unwrap().row.name, name("notes"));
        assert!(delete().await.unwrap().is_none());
        assert!(store.get_object(&tenant, gone).await.unwrap().is_none());
        get(&store, &tenant, kept).await;
    })
    .await;
}

#[tokio::test]
async fn creators_at_once_make_one_collection() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let puts = join_all((0..16).map(|_| put(&store, &tenant, None, time(1)))).await;
        let created = puts.iter().filter(|(_, put)| *put == Put::Created).count();
        assert_eq!(created, 1);
        assert!(
            puts.iter()
                .all(|(row, _)| row.id == puts[0].0.id && row.version == 1)
        );
    })
    .await;
}

#[tokio::test]
async fn a_collection_needs_its_gpt() {
    on_both(async |store| {
        let nobody = Tenant::vouched("nobody".parse::<GptId>().unwrap());
        let accept = |_: Option<&CollectionRow>| Ok::<_, ()>(());
        let put = store.put_collection(&nobody, notes(), None, Uuid::now_v7(), time(1), accept);
        match put.await {
            Err(WriteError::Store(error)) => {
                assert_eq!(error.kind(), StoreErrorKind::ForeignKeyViolation);
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn collections_are_listed_by_time_in_both_directions() {
    on_both(async |store| {
        let (tenant, other) = (tenant(&store).await, tenant(&store).await);
        collection(&store, &other, "not-mine").await;
        // Five of them at the same moment, so that the id decides.
        for number in 0..10 {
            let at = time(number / 5);
            let accept = |_: Option<&CollectionRow>| Ok::<_, ()>(());
            let name = name(&format!("c{number}"));
            let put = store.put_collection(&tenant, &name, None, Uuid::now_v7(), at, accept);
            put.await.unwrap();
        }
        for ascending in [true, false] {
            let mut keyset = Keyset {
                after: None,
                ascending,
                limit: 3,
            };
            let mut names = Vec::new();
            loop {
                let (rows, more) = store.list_collections(&tenant, &keyset).await.unwrap();
                names.extend(rows.iter().map(|row| row.name.to_string()));
                if !more {
                    break;
                }
                assert_eq!(rows.len(), 3);
                keyset.after = rows.last().map(|row| (row.created_at, row.id));
            }
            let mut expected: Vec<String> = (0..10).map(|number| format!("c{number}")).collect();
            if !ascending {
                expected.reverse();
            }
            assert_eq!(names, expected);
        }
    })
    .await;
}
