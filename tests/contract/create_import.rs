//! `create_import`: lines become objects and collections, each once, and bad ones are named.

use bytes::Bytes;
use futures::stream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::app::App;

/// A number of a job's progress.
fn progress(job: &Answer, name: &str) -> i64 {
    job.json()["progress"][name].as_i64().unwrap()
}

on_both!(good_lines_are_stored_and_bad_ones_are_named);
async fn good_lines_are_stored_and_bad_ones_are_named(app: App) {
    let gpt = app.gpt().await;
    let id = "0198c2f4-7b1e-7c33-9f0a-3d5e2b1c4a60";
    let schema = json!({ "type": "object", "required": ["n"] });
    let lines = [
        json!({ "collection": "tasks", "schema": schema }).to_string(),
        json!({ "collection": "tasks", "body": { "n": 1 } }).to_string(),
        "nonsense".to_owned(),
        String::new(),
        json!({ "collection": "tasks", "body": {} }).to_string(),
        json!({ "collection": "elsewhere", "body": {} }).to_string(),
        json!({
            "collection": "tasks", "body": { "n": 2 }, "id": id, "version": 7,
            "created_at": "2026-01-02T03:04:05.000006Z", "updated_at": "2026-01-03T03:04:05Z",
        })
        .to_string(),
        json!({ "collection": "tasks", "body": { "n": 3 }, "id": id }).to_string(),
        json!({ "body": {} }).to_string(),
    ];
    let accepted = gpt.import_lines(lines.join("\n")).await;
    let job = gpt.ended(accepted).await;
    assert_eq!(job.string("state"), "succeeded", "{job}");
    assert_eq!(
        ["lines", "objects", "collections", "failed_lines"].map(|name| progress(&job, name)),
        [9, 2, 1, 5]
    );
    assert_eq!(progress(&job, "bytes"), progress(&job, "total_bytes"));
    let errors = job.json()["errors"].as_array().unwrap();
    let numbers: Vec<_> = errors.iter().map(|error| &error["line"]).collect();
    assert_eq!(numbers, [3, 5, 6, 8, 9]);
    assert!(
        errors[1]["detail"].as_str().unwrap().starts_with("/body"),
        "{job}"
    );
    let stored = gpt.get_object(id).await.expect(200);
    assert_eq!(
        (stored.number("version"), &stored.json()["body"]["n"]),
        (7, &json!(2))
    );
    assert_eq!(stored.string("created_at"), "2026-01-02T03:04:05.000006Z");
    assert_eq!(gpt.walk(|| gpt.list_objects("tasks")).await.len(), 2);
    assert!(
        gpt.file_ids().await.is_empty(),
        "the lines that were sent are not kept"
    );
}

on_both!(a_stored_file_is_imported_into_the_collection_that_is_named);
async fn a_stored_file_is_imported_into_the_collection_that_is_named(app: App) {
    let gpt = app.gpt_with_notes().await;
    let file = gpt
        .has_file("{\"body\":{\"n\":1}}\r\n{\"body\":{\"n\":2}}")
        .await;
    let accepted = gpt.create_import(&file).member("collection", "notes").await;
    let place = accepted.header("location").unwrap();
    assert!(place.ends_with(&accepted.string("id")), "{place}");
    let job = gpt.ended(accepted).await;
    assert_eq!(
        (progress(&job, "objects"), job.string("kind")),
        (2, "import".to_owned())
    );
    assert_eq!(gpt.file_ids().await, [file], "it is the GPT's own");
}

on_both!(what_cannot_be_imported_is_refused_at_once);
async fn what_cannot_be_imported_is_refused_at_once(app: App) {
    let (gpt, stranger) = (app.gpt().await, app.gpt().await);
    let file = stranger.has_file("{}").await;
    gpt.create_import(&file)
        .await
        .expect(403)
        .problem("forbidden");
    let never = "file-0198c2f47b1e7c339f0a3d5e2b1c4a60";
    gpt.create_import(never)
        .await
        .expect(404)
        .problem("file-not-found");
    let lines = gpt.import_lines("{}").query("collection", "never");
    lines.await.expect(404).problem("collection-not-found");
    let id = gpt.id().parse().unwrap();
    let writer = app.key(Some(&id), "objects:write", None).await;
    let own = gpt.has_file("{}").await;
    let refused = gpt.with_key(writer.key.reveal()).create_import(&own).await;
    let refused = refused.expect(403).problem("forbidden");
    assert!(refused.string("detail").contains("files:read"), "{refused}");
    let path = format!("/v1/gpts/{}/imports", gpt.id());
    let text = gpt.call(Method::POST, path).bytes("{}");
    let text = text.header("content-type", "text/plain").await.expect(415);
    text.problem("unsupported-media-type");
}

on_both!(a_hundred_errors_are_kept_and_all_are_counted);
async fn a_hundred_errors_are_kept_and_all_are_counted(app: App) {
    let gpt = app.gpt().await;
    let job = gpt.ended(gpt.import_lines("[]\n".repeat(1234)).await).await;
    assert_eq!(progress(&job, "failed_lines"), 1234);
    let errors = job.json()["errors"].as_array().unwrap();
    let numbers: Vec<_> = errors.iter().map(|error| error["line"].clone()).collect();
    assert_eq!(numbers, (1..=100).map(Value::from).collect::<Vec<_>>());
}

on_both!(nothing_is_imported_from_nothing);
async fn nothing_is_imported_from_nothing(app: App) {
    let gpt = app.gpt().await;
    let job = gpt.ended(gpt.import_lines("").await).await;
    assert_eq!(
        (job.string("state"), progress(&job, "lines")),
        ("succeeded".to_owned(), 0)
    );
}

on_both!(the_client_streams_lines);
async fn the_client_streams_lines(app: App) {
    let gpt = app.gpt_with_notes().await;
    let client = gpt.client();
    let pieces = ["{\"body\":{\"n\":1}}\n{\"bo", "dy\":{}}"];
    let pieces = pieces.map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
    let sent = client.import_lines(gpt.id(), Some("notes"), stream::iter(pieces));
    let id = sent.await.unwrap().id.to_string();
    let job = gpt.until_ended(&id).await;
    assert_eq!(progress(&job, "objects"), 2, "{job}");
}
