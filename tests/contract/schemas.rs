//! Collections with a JSON Schema: what it refuses, and what happens while it changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::actor::Gpt;
use crate::support::app::App;
use crate::support::snapshot::assert_problem;

async fn people(app: &App) -> Gpt {
    let gpt = app.gpt().await;
    let schema = json!({
        "$defs": { "age": { "type": "integer", "minimum": 0 } },
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string", "minLength": 1 },
            "age": { "$ref": "#/$defs/age" },
            "a/b~c": { "type": "boolean" },
            "friends": { "type": "array", "items": { "type": "object", "required": ["name"] } },
            "mail": { "type": "string", "format": "email" },
        },
        "additionalProperties": false,
    });
    gpt.upsert_collection("people")
        .member("schema", schema)
        .await
        .expect(201);
    gpt
}

on_both!(every_write_must_satisfy_the_schema);
async fn every_write_must_satisfy_the_schema(app: App) {
    let gpt = people(&app).await;
    let good = json!({ "name": "Ada", "age": 36, "friends": [{ "name": "Charles" }] });
    let id = gpt.has_object("people", good.clone()).await;
    for (document, pointer) in [
        (json!({ "age": 1 }), ""),
        (json!({ "name": "" }), "/name"),
        (json!({ "name": "Ada", "age": -1 }), "/age"),
        (json!({ "name": "Ada", "age": 1.5 }), "/age"),
        (json!({ "name": "Ada", "a/b~c": 1 }), "/a~1b~0c"),
        (
            json!({ "name": "Ada", "friends": [{ "name": "Bo" }, {}] }),
            "/friends/1",
        ),
        (json!({ "name": "Ada", "mail": "nowhere" }), "/mail"),
        (json!({ "name": "Ada", "colour": "red" }), ""),
    ] {
        let text = document.to_string();
        let at = |place: &str| format!("{place}{pointer}");
        for (call, place) in [
            (gpt.create_object("people", document.clone()), "/body"),
            (
                gpt.create_object("people", json!({}))
                    .without("body")
                    .member("body_json", text.as_str()),
                "/body_json",
            ),
            (gpt.replace_object(&id, document.clone()), "/body"),
            (
                gpt.replace_object(&id, json!({}))
                    .without("body")
                    .member("body_json", text.as_str()),
                "/body_json",
            ),
        ] {
            let refused = call.await.expect(422).problem("schema-violation");
            assert!(
                refused.names(&at(place)),
                "{document} breaks the schema at {}\n{refused}",
                at(place)
            );
        }
        let batch = gpt
            .batch_objects("people", json!([{ "op": "create", "body": document }]))
            .await;
        assert!(
            batch.clone().expect(422).names(&at("/operations/0/body")),
            "{batch}"
        );
    }
    assert_eq!(gpt.document(&id).await, good);
    gpt.create_object(
        "people",
        json!({ "name": "Ada", "age": 36.0, "mail": "ada@example.com" }),
    )
    .await
    .expect(201);
}

on_both!(a_patch_is_judged_by_its_result);
async fn a_patch_is_judged_by_its_result(app: App) {
    let gpt = people(&app).await;
    let id = gpt.has_object("people", json!({ "name": "Ada" })).await;
    gpt.patch_object(&id, json!({ "age": 36 }))
        .await
        .expect(200);
    let removed = gpt
        .patch_object(&id, json!({ "name": null }))
        .await
        .expect(422);
    assert!(removed.names("/body"), "{removed}");
    let refused = gpt
        .patch_object(&id, json!({ "age": "old", "mail": 1 }))
        .await
        .expect(422);
    assert!(
        refused.names("/body/age") && refused.names("/body/mail"),
        "every place is named\n{refused}"
    );
    assert_problem("schema_violation", &refused);
    assert_eq!(gpt.get_object(&id).await.number("version"), 2);
    assert_eq!(gpt.document(&id).await, json!({ "name": "Ada", "age": 36 }));
}

on_both!(numbers_are_judged_by_every_digit);
async fn numbers_are_judged_by_every_digit(app: App) {
    let gpt = app.gpt().await;
    let schema = r#"{"properties":{"n":{"maximum":18446744073709551616,"multipleOf":0.01}}}"#;
    gpt.upsert_collection("numbers")
        .member("schema_json", schema)
        .await
        .expect(201);
    let create = |number: &str| {
        gpt.create_object("numbers", json!({}))
            .bytes(format!("{{\"body\":{{\"n\":{number}}}}}"))
    };
    for good in ["18446744073709551616", "0.07", "1e2", "-1e30"] {
        create(good).await.expect(201);
    }
    for bad in ["18446744073709551617", "0.001", "1e30"] {
        create(bad).await.expect(422).problem("schema-violation");
    }
}

on_both!(objects_with_odd_members_are_objects);
async fn objects_with_odd_members_are_objects(app: App) {
    let gpt = app.gpt().await;
    let schema = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    gpt.upsert_collection("odd")
        .member("schema", schema)
        .await
        .expect(201);
    // Members that serde_json uses for its own purposes.
    for member in [
        "$serde_json::private::Number",
        "$serde_json::private::RawValue",
    ] {
        let create = |value: &str| {
            gpt.create_object("odd", json!({}))
                .bytes(format!("{{\"body\":{{\"{member}\":{value}}}}}"))
        };
        create("\"1\"").await.expect(201);
        create("1").await.expect(422).problem("schema-violation");
    }
}

on_both!(a_new_schema_binds_from_then_on);
async fn a_new_schema_binds_from_then_on(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({ "title": 7 })).await;
    let schema = json!({ "properties": { "title": { "type": "string" } } });
    gpt.upsert_collection("notes")
        .member("schema", schema)
        .await
        .expect(200);
    assert_eq!(
        gpt.document(&id).await,
        json!({ "title": 7 }),
        "what is stored stays"
    );
    gpt.patch_object(&id, json!({ "more": 1 }))
        .await
        .expect(422);
    gpt.create_object("notes", json!({ "title": 7 }))
        .await
        .expect(422);
    gpt.patch_object(&id, json!({ "title": "seven" }))
        .await
        .expect(200);
    gpt.delete_object(&id).await.expect(204);
    gpt.upsert_collection("notes")
        .member("schema", json!({}))
        .await
        .expect(200);
    gpt.create_object("notes", json!({ "title": 7 }))
        .await
        .expect(201);
}

on_both!(a_boolean_is_no_schema_here);
async fn a_boolean_is_no_schema_here(app: App) {
    let gpt = app.gpt().await;
    gpt.upsert_collection("notes")
        .member("schema", false)
        .await
        .refuses("/schema");
    gpt.upsert_collection("notes")
        .member("schema_json", "false")
        .await
        .refuses("/schema_json");
}

on_both!(a_write_that_had_to_wait_is_judged_by_what_it_finds);
async fn a_write_that_had_to_wait_is_judged_by_what_it_finds(app: App) {
    let gpt = app.gpt().await;
    let document = json!({ "kind": "a" });
    set_kind(&gpt, 0).await.expect(201);
    let id = gpt.has_object("notes", document.clone()).await;
    let create = || gpt.create_object("notes", document.clone());
    let mut database = app.database().await;
    database.hold(gpt.id()).await;
    let schema_and_writes = async {
        let writes = async {
            // Behind the new schema, which waits for the database.
            tokio::time::sleep(WAIT).await;
            let batch = gpt.batch_objects("notes", json!([{ "op": "create", "body": document }]));
            let writes = [
                create(),
                create().member("idempotency_key", "k"),
                batch,
                gpt.replace_object(&id, document.clone()),
                gpt.patch_object(&id, json!({ "n": 1 })),
            ];
            join_all(writes.map(IntoFuture::into_future)).await
        };
        tokio::join!(set_kind(&gpt, 1).into_future(), writes)
    };
    let release = async {
        tokio::time::sleep(2 * WAIT).await;
        database.release().await;
    };
    let ((schema, writes), ()) = tokio::join!(schema_and_writes, release);
    schema.expect(200);
    for write in writes {
        write.expect(422).problem("schema-violation");
    }
    assert_eq!(gpt.document(&id).await, document);
    assert_eq!(gpt.walk(|| gpt.list_objects("notes")).await, [id]);
}

/// A write that succeeded: what kind of document, and between which moments.
struct Write {
    kind: usize,
    start: Instant,
    end: Instant,
}

/// The moments between which a schema came into force.
struct Turn {
    kind: usize,
    start: Instant,
    end: Instant,
}

/// Long enough for a request to get as far as it can.
const WAIT: Duration = Duration::from_millis(100);
const KINDS: [&str; 2] = ["a", "b"];
const TURNS: usize = 8;

on_both!(no_document_slips_past_a_changing_schema);
async fn no_document_slips_past_a_changing_schema(app: App) {
    let gpt = app.gpt().await;
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    set_kind(&gpt, 0).await.expect(201);
    let mut turns = vec![Turn {
        kind: 0,
        start: begin,
        end: Instant::now(),
    }];
    let change = async {
        for turn in 1..TURNS {
            let (kind, start) = (turn % 2, Instant::now());
            set_kind(&gpt, kind).await.expect(200);
            turns.push(Turn {
                kind,
                start,
                end: Instant::now(),
            });
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let writers = join_all((0..8).map(|writer| write_until(&gpt, &stop, writer % 2, writer / 2)));
    let ((), writes) = tokio::join!(change, writers);
    let writes: Vec<_> = writes.into_iter().flatten().collect();
    for kind in 0..KINDS.len() {
        assert!(
            writes.iter().any(|write| write.kind == kind),
            "no write of kind {kind} succeeded"
        );
    }
    for write in &writes {
        assert!(
            was_in_force(&turns, write),
            "a document of kind {} slipped past the schema",
            write.kind
        );
    }
    // After the last change only its kind gets in.
    let last = (TURNS - 1) % 2;
    gpt.create_object("notes", json!({ "kind": KINDS[last] }))
        .await
        .expect(201);
    gpt.create_object("notes", json!({ "kind": KINDS[1 - last] }))
        .await
        .expect(422);
}

fn set_kind(gpt: &Gpt, kind: usize) -> crate::support::http::Call {
    let schema =
        json!({ "required": ["kind"], "properties": { "kind": { "const": KINDS[kind] } } });
    gpt.upsert_collection("notes").member("schema", schema)
}

/// Writes documents of one kind, by create, batch, replace or patch, until told to stop.
async fn write_until(gpt: &Gpt, stop: &AtomicBool, kind: usize, way: usize) -> Vec<Write> {
    let document = json!({ "kind": KINDS[kind] });
    let mut object: Option<String> = None;
    let mut writes = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let call = match (way, &object) {
            (1, _) => gpt.batch_objects("notes", json!([{ "op": "create", "body": document }])),
            (2, Some(id)) => gpt.replace_object(id, document.clone()),
            (3, Some(id)) => gpt.patch_object(id, json!({ "n": writes.len() })),
            _ => gpt.create_object("notes", document.clone()),
        };
        let start = Instant::now();
        let answer = call.await;
        if answer.status() < 300 {
            writes.push(Write {
                kind,
                start,
                end: Instant::now(),
            });
            object = object.or(answer["id"].as_str().map(str::to_owned));
        } else {
            assert_eq!(answer["code"], Value::from("schema-violation"), "{answer}");
        }
    }
    writes
}

/// Whether the schema for the write's kind can have been in force at some moment of the write.
fn was_in_force(turns: &[Turn], write: &Write) -> bool {
    turns.iter().enumerate().any(|(index, turn)| {
        let until = turns.get(index + 1).map(|next| next.end);
        turn.kind == write.kind
            && turn.start <= write.end
            && until.is_none_or(|until| write.start <= until)
    })
}
