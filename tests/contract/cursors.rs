//! Cursors: what they carry, and what they are refused for.

use reqwest::Method;
use serde_json::json;

use crate::support::actor::{Gpt, ids};
use crate::support::app::App;
use crate::support::http::Call;
use crate::support::snapshot::assert_problem;

/// A GPT with objects in `notes` and the cursor of the second page.
async fn with_cursor(app: &App, first: impl Fn(Call) -> Call) -> (Gpt, String) {
    let gpt = app.gpt_with_notes().await;
    gpt.has_many_objects("notes", 10).await;
    let page = first(gpt.list_objects("notes").query("limit", 3))
        .await
        .expect(200);
    let cursor = page.string("next_cursor");
    (gpt, cursor)
}

on_both!(carries_the_order_and_the_filters);
async fn carries_the_order_and_the_filters(app: App) {
    let gpt = app.gpt_with_notes().await;
    let bodies = (0..20).map(|n| json!({ "op": "create", "body": { "n": n, "even": n % 2 == 0 } }));
    gpt.batch_objects("notes", bodies.collect())
        .await
        .expect(200);
    let first = || {
        let list = gpt
            .list_objects("notes")
            .query("limit", 3)
            .query("order", "asc");
        list.query("filter", "{\"even\": true}")
            .query("created_before", "2999-01-01T00:00:00Z")
    };
    let page = first().await.expect(200);
    let cursor = page.string("next_cursor");
    let repeated = first().query("cursor", &cursor).await.expect(200);
    let alone = gpt
        .list_objects("notes")
        .query("limit", 3)
        .query("cursor", &cursor)
        .await
        .expect(200);
    assert_eq!(ids(alone.items()), ids(repeated.items()));
    assert!(
        alone
            .items()
            .iter()
            .all(|item| item["body"]["even"] == true),
        "{alone}"
    );
    // The same filter, spelled otherwise.
    let spelled = gpt
        .list_objects("notes")
        .query("cursor", &cursor)
        .query("filter", "{ \"even\":true }");
    spelled.await.expect(200);
    // The size of pages may change on the way.
    let rest = gpt
        .list_objects("notes")
        .query("limit", 200)
        .query("cursor", &cursor)
        .await
        .expect(200);
    assert_eq!(rest.items().len(), 7);
}

on_both!(is_refused_with_another_order_or_filter);
async fn is_refused_with_another_order_or_filter(app: App) {
    let (gpt, cursor) = with_cursor(&app, |list| list.query("filter", "{}")).await;
    let list = || gpt.list_objects("notes").query("cursor", &cursor);
    list().query("order", "desc").await.expect(200);
    for (name, value) in [
        ("order", "asc"),
        ("filter", "{\"n\":1}"),
        ("created_after", "2020-01-01T00:00:00Z"),
        ("created_before", "2999-01-01T00:00:00Z"),
    ] {
        list()
            .query(name, value)
            .await
            .expect(400)
            .problem("invalid-cursor");
    }
    let (gpt, cursor) = with_cursor(&app, |list| list).await;
    let filtered = gpt
        .list_objects("notes")
        .query("cursor", &cursor)
        .query("filter", "{}")
        .await;
    assert_problem(
        "invalid_cursor",
        &filtered.expect(400).problem("invalid-cursor"),
    );
}

on_both!(is_good_for_its_list_only);
async fn is_good_for_its_list_only(app: App) {
    let (gpt, cursor) = with_cursor(&app, |list| list).await;
    gpt.list_objects("notes")
        .query("cursor", &cursor)
        .await
        .expect(200);
    gpt.upsert_collection("other").await.expect(201);
    gpt.list_objects("other")
        .query("cursor", &cursor)
        .await
        .expect(400)
        .problem("invalid-cursor");
    gpt.list_collections()
        .query("cursor", &cursor)
        .await
        .expect(400)
        .problem("invalid-cursor");
    let stranger = app.gpt_with_notes().await;
    stranger
        .list_objects("notes")
        .query("cursor", &cursor)
        .await
        .expect(400)
        .problem("invalid-cursor");
}

on_both!(is_refused_when_tampered_with);
async fn is_refused_when_tampered_with(app: App) {
    let (gpt, cursor) = with_cursor(&app, |list| list).await;
    let refused = async |cursor: String| {
        gpt.list_objects("notes")
            .query("cursor", cursor)
            .await
            .expect(400)
            .problem("invalid-cursor");
    };
    for at in (0..cursor.len())
        .step_by(7)
        .chain(cursor.len() - 3..cursor.len())
    {
        let mut flipped = cursor.clone().into_bytes();
        flipped[at] ^= 1;
        refused(String::from_utf8(flipped).unwrap()).await;
    }
    let (payload, tag) = cursor.split_once('.').unwrap();
    for changed in [
        payload.to_owned(),
        format!("{payload}."),
        format!(".{tag}"),
        format!("{payload}.{}", &tag[..tag.len() - 2]),
        format!("{payload}.{tag}AA"),
        format!("{cursor}.{tag}"),
        format!("{cursor} "),
        format!("{cursor}="),
        "x".to_owned(),
        ".".to_owned(),
        "é😀".to_owned(),
        "\u{0}".to_owned(),
        "A".repeat(4096),
    ] {
        refused(changed).await;
    }
}

on_both!(has_a_bounded_length);
async fn has_a_bounded_length(app: App) {
    let (gpt, cursor) = with_cursor(&app, |list| list).await;
    let list = |cursor: &str| gpt.list_objects("notes").query("cursor", cursor);
    list(&cursor.repeat(10_000 / cursor.len() + 1))
        .await
        .refuses("cursor")
        .problem("invalid-request");
    list("").await.refuses("cursor").problem("invalid-request");
    let path = format!(
        "/v1/gpts/{}/collections/notes/objects?cursor={cursor}&cursor={cursor}",
        gpt.id()
    );
    gpt.call(Method::GET, path).await.refuses("cursor");

    // The longest filter that is taken makes a cursor that is taken.
    let filter = json!({ "text": "é".repeat(1000) });
    gpt.batch_objects(
        "notes",
        json!([{ "op": "create", "body": filter }, { "op": "create", "body": filter }]),
    )
    .await
    .expect(200);
    let first = || {
        gpt.list_objects("notes")
            .query("limit", 1)
            .query("filter", &filter)
    };
    assert_eq!(gpt.walk(first).await.len(), 2);
}

on_both!(works_after_its_object_is_gone);
async fn works_after_its_object_is_gone(app: App) {
    let gpt = app.gpt_with_notes().await;
    let all = gpt.has_objects("notes", 5).await;
    let first = gpt
        .list_objects("notes")
        .query("order", "asc")
        .query("limit", 2)
        .await
        .expect(200);
    gpt.delete_object(&all[1]).await.expect(204);
    gpt.delete_object(&all[2]).await.expect(204);
    let next = gpt
        .list_objects("notes")
        .query("cursor", first.string("next_cursor"))
        .await
        .expect(200);
    assert_eq!(ids(next.items()), all[3..]);
}
