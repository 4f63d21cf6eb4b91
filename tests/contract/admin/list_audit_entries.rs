//! `list_audit_entries`: who did what, the latest first.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::actor::Gpt;
use crate::support::answer::Answer;
use crate::support::app::App;
use crate::support::http::Call;

/// Longer than the record of calls lags behind.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `list` answers once it has so many entries.
async fn entries(count: usize, list: impl Fn() -> Call) -> Answer {
    let start = Instant::now();
    loop {
        let page = list().await.expect(200);
        if page.items().len() == count || start.elapsed() > PATIENCE {
            assert_eq!(page.items().len(), count, "{page}");
            return page;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Five calls, of which the first makes something, the second fails, and the third names its
/// application.
async fn make_calls(gpt: &Gpt) {
    let secret = "a-name-that-is-nobodys-business";
    gpt.upsert_collection(secret).await.expect(201);
    gpt.get_collection("other").await.expect(404);
    let named = gpt.get_limits().header("x-thesara-app-id", "thesara");
    named.await.expect(200);
    for _ in 0..2 {
        gpt.list_objects(secret).query("limit", 1).await.expect(200);
    }
}

on_both!(tells_who_did_what_and_how_it_went);
async fn tells_who_did_what_and_how_it_went(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    make_calls(&gpt).await;
    let of_gpt = || operator.list_audit_entries().query("gpt_id", gpt.id());
    let page = entries(5, of_gpt).await;
    assert!(!page.text().contains("nobodys-business"), "{page}");
    let (last, first) = (&page.items()[0], &page.items()[4]);
    assert_eq!(first["operation"], "upsert_collection");
    assert_eq!(
        (&first["method"], &first["status"]),
        (&"POST".into(), &201.into())
    );
    assert_eq!(first["path"], "/v1/gpts/{gpt_id}/collections");
    assert_eq!(last["request"]["query"], json!(["limit"]));
    assert_eq!(page.items()[2]["app_id"], "thesara");
    let key = operator.list_keys().query("gpt_id", gpt.id()).await;
    for entry in page.items() {
        assert_eq!(entry["key_id"], key.items()[0]["id"]);
        assert_eq!(entry["client_address"], "127.0.0.1");
        assert!(entry["application"].is_null() && entry["session_id"].is_null());
    }
}

on_both!(filters_narrow_it_down);
async fn filters_narrow_it_down(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    make_calls(&gpt).await;
    let of_gpt = || operator.list_audit_entries().query("gpt_id", gpt.id());
    let page = entries(5, of_gpt).await;
    let key = page.items()[0]["key_id"].as_str().unwrap().to_owned();
    let moment = page.items()[2]["created_at"].as_str().unwrap().to_owned();
    for (name, value, count) in [
        ("operation", "list_objects", 2),
        ("operation", "create_object", 0),
        ("status", "404", 1),
        ("status_class", "2xx", 4),
        ("status_class", "4xx", 1),
        ("status_class", "5xx", 0),
        ("app_id", "thesara", 1),
        ("key_id", &key, 5),
        ("key_id", "key_none", 0),
        ("application", "app_none", 0),
        ("since", &moment, 3),
        ("until", &moment, 2),
    ] {
        let page = of_gpt().query(name, value).await.expect(200);
        assert_eq!(page.items().len(), count, "{name}={value}");
    }
    for (name, value) in [
        ("status", "99"),
        ("status_class", "6xx"),
        ("since", "yesterday"),
        ("gpt_id", "no/slash"),
        ("limit", "0"),
    ] {
        let call = operator.list_audit_entries().query(name, value);
        call.await.refuses(name);
    }
}

on_both!(pages_meet);
async fn pages_meet(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    make_calls(&gpt).await;
    let of_gpt = || operator.list_audit_entries().query("gpt_id", gpt.id());
    let page = entries(5, of_gpt).await;
    let ids: Vec<_> = page.items().iter().map(|entry| &entry["id"]).collect();
    let by_two = || of_gpt().query("limit", 2);
    assert_eq!(operator.walk("id", by_two).await.len(), 5);
    assert_eq!(
        operator.walk("id", by_two).await,
        ids.iter()
            .map(|id| id.as_str().unwrap())
            .collect::<Vec<_>>()
    );
}

on_both!(operators_are_recorded_too);
async fn operators_are_recorded_too(app: App) {
    let operator = app.administrator().await;
    let made = operator.create_key(json!({ "operator": true })).await;
    let made = made.expect(201);
    let key = made.string("key");
    operator
        .list_gpts()
        .query("limit", 1)
        .key(&key)
        .await
        .expect(200);
    let denied = operator.get_gpt("nobody-at-all").key(&key).await;
    denied.expect(404);
    let of_key = || {
        let all = operator.list_audit_entries();
        all.query("key_id", made.string("id"))
    };
    let page = entries(2, of_key).await;
    let told: Vec<_> = page
        .items()
        .iter()
        .map(|entry| &entry["operation"])
        .collect();
    assert_eq!(told, ["get_gpt", "list_gpts"]);
    assert!(
        page.items()
            .iter()
            .all(|entry| entry["gpt_id"] == Value::Null)
    );
    assert_eq!(page.items()[0]["path"], "/admin/v1/gpts/{gpt_id}");
}
