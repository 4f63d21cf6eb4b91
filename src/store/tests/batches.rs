//! Many changes to one collection.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::support::{
    collection, create, document, get, list, notes, object, on_both, query, tenant, time,
};
use crate::ids::Tenant;
use crate::store::{
    BatchError, BatchOutcome, BatchWrite, LockedBatch, ObjectUpdate, Store, StoreErrorKind,
};

async fn write<E>(
    store: &Store,
    tenant: &Tenant,
    ids: &[Uuid],
    decide: impl FnMut(&LockedBatch) -> Result<BatchWrite, E>,
) -> Result<Option<BatchOutcome>, BatchError<E>> {
    store.write_batch(tenant, notes(), None, ids, decide).await
}

fn batch() -> BatchWrite {
    BatchWrite {
        inserts: Vec::new(),
        updates: Vec::new(),
        deletes: Vec::new(),
        at: time(100),
        answer: "done".to_owned(),
    }
}

#[tokio::test]
async fn a_batch_creates_changes_and_deletes() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let mut ids = Vec::new();
        for number in 0..4 {
            ids.push(create(&store, &tenant, "notes", r#"{"a":1}"#, time(number)).await);
        }
        let inserts = [
            object("notes", r#"{"n":1}"#, time(50)),
            object("notes", "{}", time(51)),
        ];
        let outcome = write(&store, &tenant, &ids, |locked| {
            assert_eq!(locked.collection.version, 1);
            assert_eq!(locked.objects.len(), 4);
            let update = |id: Uuid| ObjectUpdate {
                id,
                body: document(r#"{"a":2}"#),
                version: locked.objects[&id].version + 1,
            };
            Ok::<_, ()>(BatchWrite {
                inserts: inserts.to_vec(),
                updates: vec![update(ids[0]), update(ids[2])],
                deletes: vec![ids[1]],
                ..batch()
            })
        });
        assert_eq!(
            outcome.await.unwrap(),
            Some(BatchOutcome::Written("done".to_owned(), None))
        );

        let changed = get(&store, &tenant, ids[2]).await;
        assert_eq!((changed.version, changed.body.as_str()), (2, r#"{"a":2}"#));
        assert_eq!(
            (changed.created_at, changed.updated_at),
            (time(2), time(100))
        );
        assert!(store.get_object(&tenant, ids[1]).await.unwrap().is_none());
        assert_eq!(get(&store, &tenant, ids[3]).await.version, 1);
        let new = get(&store, &tenant, inserts[0].id).await;
        assert_eq!((new.version, new.created_at), (1, time(50)));
        assert_eq!(
            list(&store, &tenant, "notes", &query()).await.items.len(),
            5
        );
    })
    .await;
}

#[tokio::test]
async fn a_batch_sees_only_its_collection() {
    on_both(async |store| {
        let (tenant, other) = (tenant(&store).await, tenant(&store).await);
        for (tenant, name) in [(&tenant, "notes"), (&tenant, "other"), (&other, "notes")] {
            collection(&store, tenant, name).await;
        }
        let mine = create(&store, &tenant, "notes", "{}", time(1)).await;
        let elsewhere = create(&store, &tenant, "other", "{}", time(1)).await;
        let foreign = create(&store, &other, "notes", "{}", time(1)).await;
        let ids = [foreign, mine, elsewhere, Uuid::now_v7(), mine];
        let seen = write(&store, &tenant, &ids, |locked| {
            let seen: BTreeSet<Uuid> = locked.objects.keys().copied().collect();
            Err::<BatchWrite, _>(seen)
        });
        match seen.await {
            Err(BatchError::Refused(seen)) => assert_eq!(seen, BTreeSet::from([mine])),
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn a_missing_collection_is_not_decided() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let outcome = write(&store, &tenant, &[], |_| -> Result<BatchWrite, ()> {
            panic!("there is nothing to decide about")
        });
        assert_eq!(outcome.await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_failed_batch_remains() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(&store, &tenant, "notes", "{}", time(1)).await;
        let mut taken = object("notes", "{}", time(2));
        taken.id = create(&store, &tenant, "notes", "{}", time(2)).await;
        let update = ObjectUpdate {
            id,
            body: document(r#"{"b":1}"#),
            version: 2,
        };
        let fresh = object("notes", "{}", time(3));
        let ids = [id];
        let outcome = write(&store, &tenant, &ids, |_| {
            Ok::<_, ()>(BatchWrite {
                updates: vec![update.clone()],
                inserts: vec![fresh.clone(), taken.clone()],
                ..batch()
            })
        });
        match outcome.await {
            Err(BatchError::Store(error)) => {
                assert!(
                    matches!(error.kind(), StoreErrorKind::UniqueViolation(_)),
                    "{error:?}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(get(&store, &tenant, id).await.version, 1);
        assert!(store.get_object(&tenant, fresh.id).await.unwrap().is_none());
    })
    .await;
}
