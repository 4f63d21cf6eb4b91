//! `Idempotency-Key` and its twin: the same request twice is carried out once.

use futures::future::{join_all, select};
use serde_json::{Value, json};

use crate::support::actor::Gpt;
use crate::support::app::App;
use crate::support::snapshot::assert_problem;

async fn count(gpt: &Gpt) -> usize {
    gpt.walk(|| gpt.list_objects("notes")).await.len()
}

on_both!(a_repeated_create_gets_the_first_answer);
async fn a_repeated_create_gets_the_first_answer(app: App) {
    let gpt = app.gpt_with_notes().await;
    let create = || gpt.create_object("notes", json!({ "n": 1, "text": "é" }));
    let first = create()
        .header("Idempotency-Key", "\"order 17\"")
        .await
        .expect(201);
    assert_eq!(first.header("idempotent-replayed"), None);
    // A quoted string (a structured field), the same without quotes, and the twin are one key.
    for again in [
        create().header("Idempotency-Key", "\"order 17\""),
        create().header("Idempotency-Key", "order 17"),
        create().member("idempotency_key", "order 17"),
        create()
            .member("idempotency_key", "order 17")
            .header("Idempotency-Key", "\"order 17\""),
        create()
            .without("body")
            .member("body_json", "{ \"text\":\"\\u00e9\", \"n\":1 }")
            .header("Idempotency-Key", "order 17"),
    ] {
        let again = again.await.expect(201);
        assert_eq!(again.header("idempotent-replayed").as_deref(), Some("true"));
        assert_eq!(again.text(), first.text());
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.header("etag"), first.header("etag"));
    }
    assert_eq!(count(&gpt).await, 1);

    // The answer is the first one even if the object has changed since, or is gone.
    let id = first.string("id");
    gpt.patch_object(&id, json!({ "n": 2 })).await.expect(200);
    assert_eq!(
        create().member("idempotency_key", "order 17").await.text(),
        first.text()
    );
    gpt.delete_object(&id).await.expect(204);
    assert_eq!(
        create().member("idempotency_key", "order 17").await.text(),
        first.text()
    );
    assert_eq!(count(&gpt).await, 0);
}

on_both!(another_request_with_the_key_is_refused);
async fn another_request_with_the_key_is_refused(app: App) {
    let gpt = app.gpt_with_notes().await;
    gpt.upsert_collection("other").await.expect(201);
    gpt.create_object("notes", json!({ "n": 1 }))
        .member("idempotency_key", "k")
        .await
        .expect(201);
    let other_document = gpt
        .create_object("notes", json!({ "n": 2 }))
        .member("idempotency_key", "k")
        .await;
    assert_problem(
        "idempotency_key_reused",
        &other_document.expect(422).problem("idempotency-key-reused"),
    );
    let other_collection = gpt
        .create_object("other", json!({ "n": 1 }))
        .member("idempotency_key", "k");
    other_collection
        .await
        .expect(422)
        .problem("idempotency-key-reused");
    let batch = gpt.batch_objects("notes", json!([{ "op": "create", "body": { "n": 1 } }]));
    batch
        .member("idempotency_key", "k")
        .await
        .expect(422)
        .problem("idempotency-key-reused");
    assert_eq!(count(&gpt).await, 1);

    // Keys belong to their GPT.
    let stranger = app.gpt_with_notes().await;
    stranger
        .create_object("notes", json!({ "n": 2 }))
        .member("idempotency_key", "k")
        .await
        .expect(201);
}

on_both!(refuses_keys_that_differ_or_are_none);
async fn refuses_keys_that_differ_or_are_none(app: App) {
    let gpt = app.gpt_with_notes().await;
    let create = || gpt.create_object("notes", json!({}));
    let differing = create()
        .header("Idempotency-Key", "a")
        .member("idempotency_key", "b");
    differing.await.refuses("/idempotency_key");
    create()
        .header("Idempotency-Key", "\"\"")
        .await
        .refuses("Idempotency-Key");
    create()
        .header("Idempotency-Key", "x".repeat(258))
        .await
        .refuses("Idempotency-Key");
    create()
        .header("Idempotency-Key", b"\xff")
        .await
        .refuses("Idempotency-Key");
    create()
        .member("idempotency_key", "")
        .await
        .refuses("/idempotency_key");
    create()
        .member("idempotency_key", "x".repeat(256))
        .await
        .refuses("/idempotency_key");
    assert_eq!(count(&gpt).await, 0);
    create()
        .header("Idempotency-Key", format!("\"{}\"", "x".repeat(255)))
        .await
        .expect(201);
    let same = create()
        .member("idempotency_key", "x".repeat(255))
        .await
        .expect(201);
    assert_eq!(same.header("idempotent-replayed").as_deref(), Some("true"));
}

on_both!(a_repeated_batch_gets_the_first_answer);
async fn a_repeated_batch_gets_the_first_answer(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let batch = |operations: Value| {
        gpt.batch_objects("notes", operations)
            .member("idempotency_key", "k")
    };
    let operations = json!([{ "op": "create", "body": { "n": 1 } }, { "op": "patch", "id": id, "body": { "n": 2 } }]);
    let first = batch(operations.clone()).await.expect(200);
    let again = batch(operations.clone()).await.expect(200);
    assert_eq!(again.text(), first.text());
    assert_eq!(again.header("idempotent-replayed").as_deref(), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(
        (
            count(&gpt).await,
            gpt.get_object(&id).await.number("version")
        ),
        (2, 2)
    );
    // Documents are part of what makes two requests the same.
    let operations = json!([{ "op": "create", "body": { "n": 3 } }, { "op": "patch", "id": id, "body": { "n": 2 } }]);
    batch(operations)
        .await
        .expect(422)
        .problem("idempotency-key-reused");
}

on_both!(a_failure_is_not_kept);
async fn a_failure_is_not_kept(app: App) {
    let gpt = app.gpt().await;
    let create = || {
        gpt.create_object("notes", json!({ "n": 1 }))
            .member("idempotency_key", "k")
    };
    create().await.expect(404);
    gpt.upsert_collection("notes")
        .member("schema", json!({ "required": ["title"] }))
        .await
        .expect(201);
    create().await.expect(422).problem("schema-violation");
    let batch = || {
        gpt.batch_objects("notes", json!([{ "op": "create", "body": {} }]))
            .member("idempotency_key", "b")
    };
    batch().await.expect(422).problem("schema-violation");
    gpt.upsert_collection("notes")
        .member("schema", json!({}))
        .await
        .expect(200);
    let first = create().await.expect(201);
    batch().await.expect(200);
    // What is kept counts, also when the schema of today would refuse it.
    gpt.upsert_collection("notes")
        .member("schema", json!({ "required": ["title"] }))
        .await
        .expect(200);
    assert_eq!(create().await.expect(201).text(), first.text());
    batch().await.expect(200);
    assert_eq!(count(&gpt).await, 2);
}

on_both!(of_sixteen_at_once_one_is_carried_out);
async fn of_sixteen_at_once_one_is_carried_out(app: App) {
    let gpt = app.gpt_with_notes().await;
    let create = || {
        gpt.create_object("notes", json!({ "n": 1 }))
            .header("Idempotency-Key", "k")
    };
    let answers = join_all((0..16).map(|_| create().into_future())).await;
    let mut fresh = 0;
    for answer in &answers {
        match answer.status() {
            201 if answer.header("idempotent-replayed").is_none() => fresh += 1,
            201 => {}
            _ => assert_eq!(answer["code"], "idempotency-in-progress", "{answer}"),
        }
    }
    assert_eq!(fresh, 1);
    let id = create().await.expect(201).string("id");
    assert_eq!(gpt.walk(|| gpt.list_objects("notes")).await, [id]);
}

on_both!(a_running_request_is_reported);
async fn a_running_request_is_reported(app: App) {
    let gpt = app.gpt_with_notes().await;
    let operations = json!([{ "op": "create", "body": {} }]);
    let create = || {
        gpt.create_object("notes", json!({}))
            .member("idempotency_key", "k")
    };
    let batch = || {
        gpt.batch_objects("notes", operations.clone())
            .member("idempotency_key", "b")
    };
    let mut database = app.database().await;
    database.hold(gpt.id()).await;
    // Nothing can be written now, so of each two one waits, and the other is told so.
    let creates = select(create().into_future(), create().into_future()).await;
    let batches = select(batch().into_future(), batch().into_future()).await;
    database.release().await;
    for (both, status) in [(creates, 201), (batches, 200)] {
        let (told, waiting) = both.factor_first();
        let told = told.expect(409).problem("idempotency-in-progress");
        assert_eq!(
            (
                told.number("retry_after"),
                told.header("retry-after").as_deref()
            ),
            (1, Some("1"))
        );
        waiting.await.expect(status);
    }
    let again = create().await.expect(201);
    assert_eq!(again.header("idempotent-replayed").as_deref(), Some("true"));
    assert_eq!(count(&gpt).await, 2);
}

on_both!(a_key_is_forgotten_after_its_time);
async fn a_key_is_forgotten_after_its_time(app: App) {
    let gpt = app.gpt_with_notes().await;
    let create = |n: i32| {
        gpt.create_object("notes", json!({ "n": n }))
            .header("Idempotency-Key", "k")
    };
    let first = create(1).await.expect(201);
    let sql = "UPDATE idempotency_keys SET expires_at = created_at WHERE gpt_id = $1";
    assert_eq!(app.database().await.execute(sql, gpt.id()).await, 1);
    let second = create(1).await.expect(201);
    assert_eq!(second.header("idempotent-replayed"), None);
    assert_ne!(second["id"], first["id"]);
    assert_eq!(app.database().await.execute(sql, gpt.id()).await, 1);
    create(2).await.expect(201);
    assert_eq!(count(&gpt).await, 3);
}
