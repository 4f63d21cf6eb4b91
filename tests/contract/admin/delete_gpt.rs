//! `delete_gpt`: everything goes but the record of calls.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use crate::support::actor::Gpt;
use crate::support::app::App;
use crate::support::database::Database;
use crate::support::snapshot::assert_problem;

/// Longer than the record of calls lags behind.
const PATIENCE: Duration = Duration::from_secs(5);
/// The table that keeps what it has.
const RECORD: &str = "audit_log";

on_both!(deletes_everything_but_the_record);
async fn deletes_everything_but_the_record(app: App) {
    let operator = app.administrator().await;
    let (gpt, neighbor) = (app.gpt_with_notes().await, app.gpt_with_notes().await);
    let mut database = app.database().await;
    let nowhere = json!({ "url": "https://receiver.invalid/" });
    operator.put_webhook(gpt.id(), nowhere).await.expect(201);
    fill(&gpt, &mut database).await;
    let start = Instant::now();
    let mut before = rows(&mut database, gpt.id()).await;
    while before[RECORD] == 0 && start.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20)).await;
        before = rows(&mut database, gpt.id()).await;
    }
    let empty: Vec<_> = before.iter().filter(|(_, count)| **count == 0).collect();
    assert!(
        empty.is_empty(),
        "put something into these tables, so that their deletion is tested: {empty:?}"
    );
    operator.delete_gpt(gpt.id()).await.expect(204);
    let mut left = rows(&mut database, gpt.id()).await;
    assert!(left.remove(RECORD).is_some_and(|count| count > 0));
    left.retain(|_, count| *count > 0);
    assert!(left.is_empty(), "these rows stay: {left:?}");

    gpt.list_collections().await.expect(401);
    operator.get_gpt(gpt.id()).await.expect(404);
    let again = operator.delete_gpt(gpt.id()).await;
    again.expect(404).problem("gpt-not-found");
    neighbor.get_collection("notes").await.expect(200);
}

/// Puts something of the GPT into every table that has a column for its owner.
async fn fill(gpt: &Gpt, database: &mut Database) {
    let created = gpt.create_object("notes", json!({ "n": 1 }));
    let created = created.header("idempotency-key", "a key").await;
    created.expect(201);
    let set = json!({ "operations": [{ "op": "set", "key": "k", "value": 1 }] });
    let patched = gpt.patch_storage("state", 0, &set["operations"]).await;
    patched.expect(201);
    gpt.has_file("the bytes of a file").await;
    gpt.exported().await;
    let upload = gpt.has_upload(3).await;
    gpt.add_upload_part(&upload, b"abc").await.expect(200);
    database.fill_grants(gpt.id()).await;
}

/// How many rows of the GPT each table has that names one.
async fn rows(database: &mut Database, gpt_id: &str) -> BTreeMap<String, i64> {
    let mut rows = BTreeMap::new();
    for table in database.tables_of_gpts().await {
        let count = database.count(&table, gpt_id).await;
        rows.insert(table, count);
    }
    rows
}

on_both!(must_be_confirmed);
async fn must_be_confirmed(app: App) {
    let operator = app.administrator().await;
    let (gpt, other) = (app.gpt().await, app.gpt().await);
    let unconfirmed = operator.delete_gpt_unconfirmed(gpt.id()).await;
    unconfirmed.refuses("confirm");
    for wrong in [other.id(), "", "yes", "true"] {
        let call = operator.delete_gpt_unconfirmed(gpt.id());
        let refused = call.query("confirm", wrong).await.refuses("confirm");
        if wrong == other.id() {
            assert_problem("confirm", &refused);
        }
    }
    gpt.get_limits().await.expect(200);
    other.get_limits().await.expect(200);
}

on_both!(an_id_that_was_deleted_can_be_used_again);
async fn an_id_that_was_deleted_can_be_used_again(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt_with_notes().await;
    gpt.has_file("the old one's").await;
    operator.delete_gpt(gpt.id()).await.expect(204);
    operator.create_gpt(gpt.id()).await.expect(201);
    gpt.get_limits().await.expect(401);
    let key = operator.has_key(gpt.id()).await.string("key");
    let reborn = gpt.with_key(&key);
    assert!(
        reborn
            .list_collections()
            .await
            .expect(200)
            .items()
            .is_empty()
    );
    assert!(reborn.file_ids().await.is_empty());
    let file = reborn.has_file("the new one's").await;
    // What is left of the old one is swept, and nothing of the new one.
    sleep(Duration::from_millis(300)).await;
    let content = reborn.get_file_content(&file).await.expect(200);
    assert_eq!(content.text(), "the new one's");
}
