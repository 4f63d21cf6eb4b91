//! Imported objects and the progress of their job: both, or neither.

use std::collections::HashSet;
use std::time::Duration;

use futures::join;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::support::{
    collection, collection_id, create, document, get, name, notes, on_both, query, shared_postgres,
    tenant, time, unique, walk,
};
use crate::document::Document;
use crate::ids::Tenant;
use crate::store::{
    DatabaseSettings, Holding, ImportError, ImportedObject, NewJob, ObjectRow, Store,
};

/// Long enough for an import to come to where it waits for somebody.
const A_MOMENT: Duration = Duration::from_millis(200);

/// A job of the tenant's that is held from the `now`-th microsecond on, for ten.
async fn claim(store: &Store, kind: &'static str, now: i64) -> Holding {
    let claimed = store
        .claim_jobs(&[kind], "w", time(now), time(now + 10), 1)
        .await;
    claimed.unwrap().pop().unwrap().1
}

async fn job(store: &Store, tenant: &Tenant) -> (Uuid, &'static str) {
    let kind: &'static str = unique("kind").leak();
    let job = NewJob {
        gpt_id: Some(tenant.gpt_id().clone()),
        id: Uuid::now_v7(),
        kind,
        payload: document("{}"),
        unique_key: None,
        max_attempts: 9,
        run_at: time(1),
        created_at: time(1),
    };
    assert!(store.enqueue_job(&job).await.unwrap());
    (job.id, kind)
}

/// An object for the first version of `notes`, of which nothing is as for one that is created.
fn imported(id: Uuid) -> ImportedObject {
    ImportedObject {
        row: ObjectRow {
            id,
            collection: name("notes"),
            body: document(r#"{"n":1.50}"#),
            version: 7,
            created_at: time(5),
            updated_at: time(6),
        },
        collection_id: collection_id("notes"),
        collection_version: 1,
        is_forwarded: false,
        has_own_id: true,
    }
}

/// A transaction that takes an id, and is not over.
async fn taking(store: &Store, tenant: &Tenant, id: Uuid) -> DatabaseTransaction {
    let transaction = store.begin().await.unwrap();
    let insert = store.statement(
        "INSERT INTO objects (gpt_id, id, collection, body, version, created_at, updated_at) \
         VALUES ($1, $2, 'notes', json($3), 1, $4, $4)",
        [
            tenant.gpt_id().into(),
            id.into(),
            document(r#"{"old":true}"#).into(),
            time(1).into(),
        ],
    );
    transaction.execute_raw(insert).await.unwrap();
    transaction
}

/// The progress that says how many objects were there.
fn progress(taken: &HashSet<Uuid>) -> Document {
    document(&format!(r#"{{"taken":{}}}"#, taken.len()))
}

async fn noted(store: &Store, id: Uuid) -> String {
    let row = store.find_job(id).await.unwrap().unwrap();
    row.progress.as_str().to_owned()
}

#[tokio::test]
async fn objects_come_as_they_are_and_those_that_are_there_stay() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let there = create(&store, &tenant, "notes", r#"{"old":true}"#, time(1)).await;
        let (id, kind) = job(&store, &tenant).await;
        let held = claim(&store, kind, 5).await;
        let objects = [imported(Uuid::now_v7()), imported(there)];
        let taken = store.import_objects(&tenant, &objects, &held, progress);
        assert_eq!(taken.await.unwrap(), HashSet::from([there]));
        assert_eq!(noted(&store, id).await, r#"{"taken":1}"#);
        let new = store.get_object(&tenant, objects[0].row.id).await.unwrap();
        let new = new.unwrap();
        assert_eq!(
            (new.version, new.created_at, new.updated_at),
            (7, time(5), time(6))
        );
        assert_eq!(new.body, objects[0].row.body);
        let old = store.get_object(&tenant, there).await.unwrap().unwrap();
        assert_eq!(old.body.as_str(), r#"{"old":true}"#);
    })
    .await;
}

/// A worker that stood still must not store what its successor stores too.
#[tokio::test]
async fn who_has_lost_the_job_imports_nothing() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let (id, kind) = job(&store, &tenant).await;
        let first = claim(&store, kind, 5).await;
        let second = claim(&store, kind, 50).await;
        let objects = [imported(Uuid::now_v7())];
        let late = store
            .import_objects(&tenant, &objects, &first, progress)
            .await;
        assert!(matches!(late, Err(ImportError::Lost)), "{late:?}");
        assert_eq!(noted(&store, id).await, "{}");
        assert!(walk(&store, &tenant, "notes", &query()).await.is_empty());
        let taken = store.import_objects(&tenant, &objects, &second, progress);
        assert!(taken.await.unwrap().is_empty());
        assert_eq!(walk(&store, &tenant, "notes", &query()).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_imported_when_a_collection_has_changed() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let (id, kind) = job(&store, &tenant).await;
        let held = claim(&store, kind, 5).await;
        let changed = ImportedObject {
            collection_version: 2,
            ..imported(Uuid::now_v7())
        };
        let objects = [imported(Uuid::now_v7()), changed];
        let refused = store
            .import_objects(&tenant, &objects, &held, progress)
            .await;
        assert!(
            matches!(refused, Err(ImportError::CollectionChanged)),
            "{refused:?}"
        );
        let narrowed = Tenant::narrowed(tenant.gpt_id().clone(), [name("tasks")].into());
        let unseen = store
            .import_objects(&narrowed, &objects[..1], &held, progress)
            .await;
        assert!(
            matches!(unseen, Err(ImportError::CollectionChanged)),
            "{unseen:?}"
        );
        assert!(
            store
                .list_objects(&tenant, notes(), &query())
                .await
                .unwrap()
                .items
                .is_empty()
        );
        assert_eq!(noted(&store, id).await, "{}");
    })
    .await;
}

/// Nobody sees the id yet when the import looks for it.
#[tokio::test]
async fn an_object_whose_id_is_taken_meanwhile_stays() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let (id, kind) = job(&store, &tenant).await;
        let held = claim(&store, kind, 5).await;
        let objects = [imported(Uuid::now_v7()), imported(Uuid::now_v7())];
        let taken_id = objects[1].row.id;
        let transaction = taking(&store, &tenant, taken_id).await;
        let importing = store.import_objects(&tenant, &objects, &held, progress);
        let (taken, ()) = join!(importing, async {
            sleep(A_MOMENT).await;
            transaction.commit().await.unwrap();
        });
        assert_eq!(taken.unwrap(), HashSet::from([taken_id]));
        assert_eq!(noted(&store, id).await, r#"{"taken":1}"#);
        let old = get(&store, &tenant, taken_id).await;
        assert_eq!(old.body.as_str(), r#"{"old":true}"#);
        assert_eq!(walk(&store, &tenant, "notes", &query()).await.len(), 2);
    })
    .await;
}

/// What the server still says to it must not be taken for the answer to somebody else.
#[tokio::test]
async fn an_import_that_is_dropped_leaves_no_answers_behind() {
    let settings = DatabaseSettings {
        max_connections: 2,
        ..shared_postgres().await
    };
    let store = Store::connect(&settings).await.unwrap();
    let tenant = tenant(&store).await;
    collection(&store, &tenant, "notes").await;
    let there = create(&store, &tenant, "notes", r#"{"old":true}"#, time(1)).await;
    let (id, kind) = job(&store, &tenant).await;
    let held = claim(&store, kind, 5).await;
    let objects = [imported(Uuid::now_v7())];
    let transaction = taking(&store, &tenant, objects[0].row.id).await;
    let importing = store.import_objects(&tenant, &objects, &held, progress);
    assert!(timeout(A_MOMENT, importing).await.is_err());
    transaction.rollback().await.unwrap();
    for _ in 0..4 {
        let old = get(&store, &tenant, there).await;
        assert_eq!(old.body.as_str(), r#"{"old":true}"#);
        assert_eq!(noted(&store, id).await, "{}");
    }
    assert_eq!(walk(&store, &tenant, "notes", &query()).await.len(), 1);
}
