//! `create_object`: a document in, an object out.

use serde_json::json;

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(stores_a_document);
async fn stores_a_document(app: App) {
    let gpt = app.gpt_with_notes().await;
    let document = json!({ "title": "My Note", "tags": ["a", "b"], "nested": { "n": null } });
    let created = gpt
        .create_object("notes", document.clone())
        .await
        .expect(201);
    assert_eq!(created["body"], document);
    assert_eq!(
        (&created["collection"], created.number("version")),
        (&json!("notes"), 1)
    );
    assert_eq!(created["created_at"], created["updated_at"]);
    assert_eq!(created.header("etag").as_deref(), Some("\"1\""));
    let location = created.header("location").unwrap();
    assert_eq!(location, format!("/v1/objects/{}", created.string("id")));
    assert_eq!(created.header("idempotent-replayed"), None);

    let found = gpt.call(reqwest::Method::GET, location).await.expect(200);
    assert_eq!(
        found.text(),
        created.text(),
        "what is read is what was answered"
    );
}

on_both!(gives_each_object_an_id_of_its_own);
async fn gives_each_object_an_id_of_its_own(app: App) {
    let gpt = app.gpt_with_notes().await;
    let one = gpt.has_object("notes", json!({ "same": 1 })).await;
    let other = gpt.has_object("notes", json!({ "same": 1 })).await;
    assert!(one < other, "ids are in the order of time");
}

on_both!(takes_the_document_as_text);
async fn takes_the_document_as_text(app: App) {
    let gpt = app.gpt_with_notes().await;
    let create = || gpt.create_object("notes", json!({})).without("body");
    let created = create()
        .member("body_json", "{\"a\": [1, 2]}")
        .await
        .expect(201);
    assert_eq!(created["body"], json!({ "a": [1, 2] }));

    let both = create()
        .member("body", json!({}))
        .member("body_json", "{}")
        .await;
    assert_problem(
        "body_and_body_json",
        &both.refuses("/body_json").problem("invalid-request"),
    );
    create().await.refuses("/body").problem("invalid-request");
    create()
        .member("body_json", "{")
        .await
        .refuses("/body_json")
        .problem("malformed-json");
    create()
        .member("body_json", "{} {}")
        .await
        .refuses("/body_json")
        .problem("malformed-json");
    create()
        .member("body_json", "[1]")
        .await
        .refuses("/body_json")
        .problem("invalid-request");
    create()
        .member("body_json", json!({}))
        .await
        .refuses("/body_json");
}

on_both!(refuses_what_is_no_object);
async fn refuses_what_is_no_object(app: App) {
    let gpt = app.gpt_with_notes().await;
    for body in [json!([]), json!("text"), json!(1), json!(true)] {
        gpt.create_object("notes", body)
            .await
            .refuses("/body")
            .problem("invalid-request");
    }
    // A null is a member that is not there.
    gpt.create_object("notes", json!(null))
        .await
        .refuses("/body")
        .problem("invalid-request");
    for text in ["[]", "\"body\"", "null", "17"] {
        gpt.create_object("notes", json!({}))
            .bytes(text)
            .await
            .expect(400)
            .problem("invalid-request");
    }
    for text in [
        "",
        "{",
        "{\"body\": {}",
        "{\"body\": {}}x",
        "{'body': {}}",
        "{\"body\": NaN}",
    ] {
        gpt.create_object("notes", json!({}))
            .bytes(text)
            .await
            .expect(400)
            .problem("malformed-json");
    }
    assert_eq!(gpt.list_objects("notes").await.items().len(), 0);
}

on_both!(refuses_unknown_members);
async fn refuses_unknown_members(app: App) {
    let gpt = app.gpt_with_notes().await;
    let unknown = gpt
        .create_object("notes", json!({}))
        .member("title", "My Note")
        .await;
    let unknown = unknown.expect(400).problem("invalid-request");
    assert!(unknown.string("detail").contains("title"), "{unknown}");
    assert_problem("unknown_member", &unknown);
    gpt.create_object("notes", json!({}))
        .member("idempotency_key", 7)
        .await
        .refuses("/idempotency_key");
    gpt.create_object("notes", json!({}))
        .query("collection", "notes")
        .await
        .refuses("collection");
    let twice = gpt
        .create_object("notes", json!({}))
        .bytes("{\"body\":{},\"body\":{}}")
        .await;
    twice.expect(400).problem("invalid-request");
}

on_both!(needs_the_collection);
async fn needs_the_collection(app: App) {
    let gpt = app.gpt_with_notes().await;
    let missing = gpt.create_object("other", json!({})).await.expect(404);
    assert_problem(
        "collection_not_found",
        &missing.problem("collection-not-found"),
    );
    gpt.create_object("-", json!({})).await.refuses("name");
}
