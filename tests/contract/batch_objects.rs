//! `batch_objects`: in order, all or nothing.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(does_every_kind_of_operation_in_order);
async fn does_every_kind_of_operation_in_order(app: App) {
    let gpt = app.gpt_with_notes().await;
    let ids = gpt.has_objects("notes", 3).await;
    let operations = json!([
        { "op": "create", "body": { "new": true } },
        { "op": "patch", "id": ids[0], "body": { "patched": true } },
        { "op": "replace", "id": ids[1], "body_json": "{\"replaced\":true}" },
        { "op": "delete", "id": ids[2] },
    ]);
    let done = gpt.batch_objects("notes", operations).await.expect(200);
    let items = done.items();
    let summary = |item: &Value| {
        [
            &item["index"],
            &item["op"],
            &item["status"],
            &item["version"],
        ]
        .map(Value::clone)
    };
    assert_eq!(
        summary(&items[0]),
        [json!(0), json!("create"), json!(201), json!(1)]
    );
    assert_eq!(
        summary(&items[1]),
        [json!(1), json!("patch"), json!(200), json!(2)]
    );
    assert_eq!(
        summary(&items[2]),
        [json!(2), json!("replace"), json!(200), json!(2)]
    );
    assert_eq!(
        summary(&items[3]),
        [json!(3), json!("delete"), json!(204), Value::Null]
    );
    assert_eq!(items[3]["id"], ids[2].as_str());

    let created = gpt
        .get_object(items[0]["id"].as_str().unwrap())
        .await
        .expect(200);
    assert_eq!(created["body"], json!({ "new": true }));
    assert_eq!(created["created_at"], items[0]["created_at"]);
    let patched = gpt.get_object(&ids[0]).await.expect(200);
    assert_eq!(patched["body"], json!({ "n": 0, "patched": true }));
    assert_eq!(patched["updated_at"], items[1]["updated_at"]);
    assert_eq!(patched["created_at"], items[1]["created_at"]);
    assert_eq!(gpt.document(&ids[1]).await, json!({ "replaced": true }));
    gpt.get_object(&ids[2]).await.expect(404);
}

on_both!(sees_what_its_earlier_operations_did);
async fn sees_what_its_earlier_operations_did(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let operations = json!([
        { "op": "patch", "id": id, "body": { "a": 1 }, "if_match": "1" },
        { "op": "patch", "id": id, "body": { "b": 2 }, "if_match": "2" },
        { "op": "replace", "id": id, "body": { "c": 3 } },
        { "op": "patch", "id": id, "body": { "d": 4 }, "if_match": "\"4\"" },
    ]);
    let done = gpt.batch_objects("notes", operations).await.expect(200);
    let versions: Vec<_> = done
        .items()
        .iter()
        .map(|item| item["version"].as_i64().unwrap())
        .collect();
    assert_eq!(versions, [2, 3, 4, 5]);
    let object = gpt.get_object(&id).await.expect(200);
    assert_eq!(
        (&object["body"], object.number("version")),
        (&json!({ "c": 3, "d": 4 }), 5)
    );

    let operations = json!([{ "op": "delete", "id": id }, { "op": "patch", "id": id, "body": {} }]);
    let failed = gpt
        .batch_objects("notes", operations)
        .await
        .expect(404)
        .problem("object-not-found");
    assert_eq!(failed["items"][1]["status"], 404);
    gpt.get_object(&id).await.expect(200);
}

on_both!(a_failing_operation_undoes_all);
async fn a_failing_operation_undoes_all(app: App) {
    let gpt = app.gpt().await;
    let schema = json!({ "properties": { "n": { "type": "integer" } } });
    gpt.upsert_collection("notes")
        .member("schema", schema)
        .await
        .expect(201);
    gpt.upsert_collection("other").await.expect(201);
    let id = gpt.has_object("notes", json!({ "n": 1 })).await;
    let elsewhere = gpt.has_object("other", json!({})).await;
    let foreign = app
        .gpt_with_notes()
        .await
        .has_object("notes", json!({}))
        .await;
    let never = Uuid::new_v4().to_string();
    for (failing, status, code) in [
        (
            json!({ "op": "patch", "id": never, "body": {} }),
            404,
            "object-not-found",
        ),
        (
            json!({ "op": "delete", "id": elsewhere }),
            404,
            "object-not-found",
        ),
        (
            json!({ "op": "delete", "id": foreign }),
            404,
            "object-not-found",
        ),
        (
            json!({ "op": "delete", "id": id, "if_match": "9" }),
            412,
            "precondition-failed",
        ),
        (
            json!({ "op": "create", "body": { "n": "one" } }),
            422,
            "schema-violation",
        ),
        (
            json!({ "op": "patch", "id": id, "body": { "n": "one" } }),
            422,
            "schema-violation",
        ),
        (
            json!({ "op": "create", "body": { "n": 1 }, "body_json": "{}" }),
            400,
            "invalid-request",
        ),
        (
            json!({ "op": "create", "body_json": "{" }),
            400,
            "malformed-json",
        ),
    ] {
        let operations = json!([
            { "op": "create", "body": { "n": 2 } },
            { "op": "patch", "id": id, "body": { "n": 3 } },
            failing,
            { "op": "create", "body": { "n": 4 } },
        ]);
        let failed = gpt
            .batch_objects("notes", operations)
            .await
            .expect(status)
            .problem(code);
        let statuses: Vec<_> = failed
            .items()
            .iter()
            .map(|item| item["status"].as_u64().unwrap())
            .collect();
        assert_eq!(statuses, [424, 424, u64::from(status), 424], "{failing}");
        assert!(failed["items"][2]["detail"].is_string(), "{failing}");
    }
    assert_eq!(
        gpt.walk(|| gpt.list_objects("notes")).await,
        std::slice::from_ref(&id)
    );
    assert_eq!(gpt.get_object(&id).await.number("version"), 1);
    gpt.get_object(&elsewhere).await.expect(200);
}

on_both!(names_the_place_that_is_wrong);
async fn names_the_place_that_is_wrong(app: App) {
    let gpt = app.gpt().await;
    let schema = json!({ "properties": { "n": { "type": "integer" } } });
    gpt.upsert_collection("notes")
        .member("schema", schema)
        .await
        .expect(201);
    let id = gpt.has_object("notes", json!({})).await;
    for (operation, pointer) in [
        (json!({ "op": "create" }), "/operations/0/body"),
        (
            json!({ "op": "create", "body": {}, "id": id }),
            "/operations/0/id",
        ),
        (
            json!({ "op": "create", "body": {}, "if_match": "1" }),
            "/operations/0/if_match",
        ),
        (json!({ "op": "patch", "body": {} }), "/operations/0/id"),
        (json!({ "op": "patch", "id": id }), "/operations/0/body"),
        (
            json!({ "op": "patch", "id": "17", "body": {} }),
            "/operations/0/id",
        ),
        (
            json!({ "op": "patch", "id": id, "body": [] }),
            "/operations/0/body",
        ),
        (
            json!({ "op": "replace", "id": id, "body": {}, "if_match": "\"1" }),
            "/operations/0/if_match",
        ),
        (
            json!({ "op": "delete", "id": id, "body": {} }),
            "/operations/0/body",
        ),
        (json!({ "op": "delete" }), "/operations/0/id"),
        (json!({ "op": "remove", "id": id }), "/operations/0/op"),
    ] {
        let answer = gpt
            .batch_objects("notes", json!([operation]))
            .await
            .expect(400);
        assert!(
            answer.names(pointer),
            "{operation} is wrong at {pointer}\n{answer}"
        );
    }
    for operation in [
        json!({ "op": "create", "body": {}, "colour": 1 }),
        json!({ "body": {} }),
        json!(7),
    ] {
        gpt.batch_objects("notes", json!([operation]))
            .await
            .expect(400)
            .problem("invalid-request");
    }
    let operations =
        json!([{ "op": "create", "body": {} }, { "op": "create", "body": { "n": "one" } }]);
    let violation = gpt.batch_objects("notes", operations).await.expect(422);
    assert!(violation.names("/operations/1/body/n"), "{violation}");
    assert_problem("batch_failed", &violation);
}

on_both!(has_from_1_to_100_operations);
async fn has_from_1_to_100_operations(app: App) {
    let gpt = app.gpt_with_notes().await;
    let creates = |count: usize| Value::from(vec![json!({ "op": "create", "body": {} }); count]);
    gpt.batch_objects("notes", creates(101))
        .await
        .refuses("/operations")
        .problem("invalid-request");
    gpt.batch_objects("notes", creates(0))
        .await
        .refuses("/operations")
        .problem("invalid-request");
    gpt.batch_objects("notes", json!({}))
        .await
        .refuses("/operations");
    gpt.batch_objects("notes", creates(1))
        .without("operations")
        .await
        .expect(400);
    gpt.batch_objects("notes", creates(1))
        .member("colour", 1)
        .await
        .expect(400);
    gpt.batch_objects("other", creates(1))
        .await
        .expect(404)
        .problem("collection-not-found");
    assert_eq!(gpt.list_objects("notes").await.items().len(), 0);

    let done = gpt.batch_objects("notes", creates(100)).await.expect(200);
    assert_eq!(done.items().len(), 100);
    assert_eq!(gpt.walk(|| gpt.list_objects("notes")).await.len(), 100);
}
