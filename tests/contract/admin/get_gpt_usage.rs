//! `get_gpt_usage`: what is stored, and how calls went.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::app::App;
use crate::support::operator::Operator;

/// Longer than the record of calls lags behind.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `operator` sees of the GPT once it has made so many calls.
async fn usage(operator: &Operator, id: &str, calls: i64) -> Value {
    let start = Instant::now();
    loop {
        let usage = operator.get_gpt_usage(id).await.expect(200);
        if usage["calls"]["total"] == calls || start.elapsed() > PATIENCE {
            return usage.json().clone();
        }
        sleep(Duration::from_millis(20)).await;
    }
}

on_both!(counts_what_is_stored);
async fn counts_what_is_stored(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    let nothing = operator.get_gpt_usage(gpt.id()).await.expect(200);
    let names = [
        "collections",
        "objects",
        "document_bytes",
        "namespaces",
        "entries",
        "namespace_bytes",
        "files",
        "file_bytes",
    ];
    for name in names {
        assert_eq!(nothing[name], 0, "{name}");
    }
    for name in ["notes", "more"] {
        gpt.upsert_collection(name).await.expect(201);
    }
    gpt.has_objects("notes", 3).await;
    let operations = json!([
        { "op": "set", "key": "a", "value": 1 }, { "op": "set", "key": "b", "value": 2 },
    ]);
    gpt.patch_storage("state", 0, &operations).await.expect(201);
    gpt.has_file("twelve bytes").await;
    let deleted = gpt.has_file("gone").await;
    gpt.delete_file(&deleted).await.expect(200);

    let usage = operator.get_gpt_usage(gpt.id()).await.expect(200);
    let counts = names.map(|name| usage.number(name));
    let [2, 3, documents, 1, 2, namespaces, 1, 12] = counts else {
        panic!("{usage}")
    };
    // `{"n":0}` three times, with a blank on PostgreSQL.
    assert!([21, 24].contains(&documents), "{usage}");
    assert!(namespaces > 0, "{usage}");
}

on_both!(counts_calls_by_how_they_went);
async fn counts_calls_by_how_they_went(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    let made = gpt.upsert_collection("notes").await.expect(201);
    let known = gpt.get_collection("notes").header("if-none-match", "\"1\"");
    known.await.expect(304);
    gpt.get_collection("other").await.expect(404);
    gpt.get_limits().query("colour", "red").await.expect(400);
    let calls = usage(&operator, gpt.id(), 4).await["calls"].clone();
    let counts = ["successful", "redirected", "refused", "failed"];
    assert_eq!(
        counts.map(|name| calls[name].as_i64()),
        [1, 1, 2, 0].map(Some)
    );

    let moment = made.string("created_at");
    let before = operator.get_gpt_usage(gpt.id()).query("until", &moment);
    let before = before.await.expect(200);
    assert_eq!(before["calls"]["until"], moment.as_str());
    // The call came before what it made was dated.
    assert_eq!(before["calls"]["total"], 1);
    let after = operator.get_gpt_usage(gpt.id()).query("since", &moment);
    assert_eq!(after.await["calls"]["total"], 3);
}

on_both!(refuses_periods_that_are_none);
async fn refuses_periods_that_are_none(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    let usage = || operator.get_gpt_usage(gpt.id());
    usage().query("since", "yesterday").await.refuses("since");
    let backwards = usage()
        .query("since", "2026-01-02T00:00:00Z")
        .query("until", "2026-01-01T00:00:00Z");
    backwards.await.refuses("until");
    let none = operator.get_gpt_usage("nobody-at-all").await;
    none.expect(404).problem("gpt-not-found");
}
