//! The generated client: every operation, failures as values, and what was written by hand.

use futures::TryStreamExt;
use futures::future::join_all;
use gpt_object_store_client::types::{
    BatchOperationKind, BatchRequest, CreateObjectRequest, HealthStatus, Order, PatchObjectRequest,
    Problem, ProblemCode, ReplaceObjectRequest, UpsertCollectionRequest,
};
use gpt_object_store_client::{Error, Fetched, KeyChange, Outcome, Search};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::app::App;

/// A request of the client from what goes over the wire.
fn request<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

on_both!(has_a_method_for_every_operation_on_collections);
async fn has_a_method_for_every_operation_on_collections(app: App) {
    let gpt = app.gpt().await;
    let client = gpt.client();
    assert_eq!(
        client.get_health().send().await.unwrap().status,
        HealthStatus::Ok
    );
    let limits = client.get_limits().send().await.unwrap();
    assert_eq!(limits.gpt_id.as_deref(), Some(gpt.id()));

    let wanted = || request::<UpsertCollectionRequest>(json!({ "name": "notes" }));
    let created = client
        .upsert_collection()
        .gpt_id(gpt.id())
        .body(wanted())
        .send()
        .await
        .unwrap();
    assert_eq!((created.status().as_u16(), created.version), (201, 1));
    let again = client
        .upsert_collection()
        .gpt_id(gpt.id())
        .body(wanted())
        .send()
        .await
        .unwrap();
    assert_eq!((again.status().as_u16(), again.id), (200, created.id));
    let got = client
        .get_collection()
        .gpt_id(gpt.id())
        .name("notes")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (got.created_at, got.schema.is_none()),
        (created.created_at, true)
    );
    let listed = client
        .list_collections()
        .gpt_id(gpt.id())
        .limit(1)
        .order(Order::Asc)
        .send()
        .await
        .unwrap();
    assert_eq!((listed.items.len(), listed.has_more), (1, false));
    client
        .delete_collection()
        .gpt_id(gpt.id())
        .name("notes")
        .if_match("1")
        .send()
        .await
        .unwrap();
    let found: Vec<_> = client
        .stream_collections(gpt.id())
        .try_collect()
        .await
        .unwrap();
    assert!(found.is_empty());
}

on_both!(has_a_method_for_every_operation_on_objects);
async fn has_a_method_for_every_operation_on_objects(app: App) {
    let gpt = app.gpt_with_notes().await;
    let client = gpt.client();
    let note = request::<CreateObjectRequest>(json!({ "body": { "n": 1 } }));
    let create = || {
        client
            .create_object()
            .gpt_id(gpt.id())
            .name("notes")
            .idempotency_key("k")
            .body(note.clone())
    };
    let created = create().send().await.unwrap();
    let replayed = create().send().await.unwrap();
    assert_eq!(replayed.id, created.id);
    assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    let id = created.id;

    let patch = json!({ "body": { "m": 2 }, "if_match": "1" });
    let patched = client
        .patch_object()
        .id(id)
        .body(request::<PatchObjectRequest>(patch));
    assert_eq!(
        Value::from(patched.send().await.unwrap().body.clone()),
        json!({ "n": 1, "m": 2 })
    );
    let document = json!({ "body_json": "{\"n\":3}" });
    let replaced = client.replace_object().id(id).if_match("\"2\"");
    let replaced = replaced.body(request::<ReplaceObjectRequest>(document));
    assert_eq!(replaced.send().await.unwrap().version, 3);
    let got = client.get_object().id(id).send().await.unwrap();
    assert_eq!(
        (got.version, Value::from(got.body.clone())),
        (3, json!({ "n": 3 }))
    );

    let operations = json!({ "operations": [{ "op": "create", "body": { "n": 4 } }, { "op": "delete", "id": id }] });
    let batch = client.batch_objects().gpt_id(gpt.id()).name("notes");
    let done = batch
        .body(request::<BatchRequest>(operations))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (done.items[0].status, done.items[1].op),
        (201, BatchOperationKind::Delete)
    );
    let left = done.items[0].id.unwrap();
    let list = client
        .list_objects()
        .gpt_id(gpt.id())
        .name("notes")
        .filter("{\"n\":4}")
        .max_bytes(1000);
    assert_eq!(list.send().await.unwrap().items[0].id, left);
    client.delete_object().id(left).send().await.unwrap();
}

on_both!(failures_are_problems);
async fn failures_are_problems(app: App) {
    let gpt = app.gpt_with_notes().await;
    let client = gpt.client();
    let problem = |error: Error<Problem>| match error {
        Error::ErrorResponse(problem) => problem.into_inner(),
        other => panic!("no problem document: {other:?}"),
    };
    let missing = client.get_object().id(uuid::Uuid::nil()).send().await;
    assert_eq!(
        problem(missing.unwrap_err()).code,
        ProblemCode::ObjectNotFound
    );
    let foreign = client
        .list_objects()
        .gpt_id("nobody")
        .name("notes")
        .send()
        .await;
    assert_eq!(problem(foreign.unwrap_err()).code, ProblemCode::Forbidden);
    let stale = client
        .delete_collection()
        .gpt_id(gpt.id())
        .name("notes")
        .if_match("9")
        .send()
        .await;
    let stale = problem(stale.unwrap_err());
    assert_eq!(
        (stale.code, stale.current_version),
        (ProblemCode::PreconditionFailed, Some(1))
    );
    let neither = client.create_object().gpt_id(gpt.id()).name("notes");
    let neither = neither
        .body(request::<CreateObjectRequest>(json!({})))
        .send()
        .await;
    assert_eq!(problem(neither.unwrap_err()).errors[0].pointer, "/body");
}

on_both!(streams_go_over_all_pages);
async fn streams_go_over_all_pages(app: App) {
    let gpt = app.gpt_with_notes().await;
    gpt.upsert_collection("other").await.expect(201);
    let all = gpt.has_many_objects("notes", 25).await;
    let client = gpt.client();
    let search = Search {
        order: Some(Order::Asc),
        page_items: Some(4),
        ..Search::default()
    };
    let found: Vec<_> = client
        .stream_objects(gpt.id(), "notes", search)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        found
            .iter()
            .map(|object| object.id.to_string())
            .collect::<Vec<_>>(),
        all
    );
    let filter = json!({ "n": 7 }).as_object().cloned();
    let search = Search {
        filter,
        page_bytes: Some(1000),
        ..Search::default()
    };
    let found: Vec<_> = client
        .stream_objects(gpt.id(), "notes", search)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        found
            .iter()
            .map(|object| object.id.to_string())
            .collect::<Vec<_>>(),
        all[7..8]
    );
    let names = client
        .stream_collections(gpt.id())
        .map_ok(|collection| collection.name);
    assert_eq!(
        names.try_collect::<Vec<_>>().await.unwrap(),
        ["other", "notes"]
    );
    let missing = client.stream_objects(gpt.id(), "nothing", Search::default());
    assert!(missing.try_collect::<Vec<_>>().await.is_err());
}

on_both!(updates_lose_nothing_however_many_there_are);
async fn updates_lose_nothing_however_many_there_are(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id: uuid::Uuid = gpt
        .has_object("notes", json!({ "count": 0 }))
        .await
        .parse()
        .unwrap();
    let client = gpt.client();
    let count = |body: &mut serde_json::Map<String, Value>| {
        body["count"] = json!(body["count"].as_i64().unwrap() + 1);
    };
    for updated in join_all((0..8).map(|_| client.update_object(id, count))).await {
        updated.unwrap();
    }
    let Fetched::Changed(object) = client.get_object_if_changed(id, 1).await.unwrap() else {
        panic!("eight updates are a change");
    };
    assert_eq!((object.version, &object.body["count"]), (9, &json!(8)));
    assert!(matches!(
        client.get_object_if_changed(id, 9).await.unwrap(),
        Fetched::Unchanged
    ));
}

on_every_storage!(keeps_namespaces);
async fn keeps_namespaces(app: App) {
    let client = app.gpt().await.client();
    let empty = client.read_namespace("smoke").await.unwrap();
    assert_eq!((empty.version, empty.entries.len()), (0, 0));
    let set = |key: &str, value: Value| vec![KeyChange::Set(key.to_owned(), value)];
    let patch = |version, changes| client.patch_namespace("smoke", version, "test", changes);
    let created = patch(0, set("a", json!([null, 1]))).await.unwrap();
    assert!(matches!(created, Outcome::Done(ref now) if now.version == 1));
    let late = patch(0, set("a", json!(2))).await.unwrap();
    assert!(matches!(late, Outcome::Conflict(Some(1))));
    let null = patch(1, set("a", Value::Null)).await.unwrap();
    assert!(matches!(null, Outcome::Done(ref now) if now.entries["a"].is_null()));
    let counts = (0..5).map(|_| {
        client.update_namespace("smoke", "test", |now| {
            let count = now.entries.get("n").and_then(Value::as_i64).unwrap_or(0);
            set("n", json!(count + 1))
        })
    });
    for counted in join_all(counts).await {
        assert!(matches!(counted.unwrap(), Outcome::Done(_)));
    }
    let gone = patch(7, vec![KeyChange::Delete("a".to_owned())])
        .await
        .unwrap();
    let Outcome::Done(now) = gone else {
        panic!("{gone:?}")
    };
    assert_eq!(
        (now.version, Value::from(now.entries)),
        (8, json!({ "n": 5 }))
    );
}
