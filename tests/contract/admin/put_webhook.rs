//! `put_webhook`: changes are forwarded, signed and in order.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::actor::Gpt;
use crate::support::app::App;
use crate::support::operator::Operator;
use crate::support::receiver::{Delivery, Receiver};

/// Longer than the record of calls lags behind.
const PATIENCE: Duration = Duration::from_secs(5);

on_both!(changes_are_delivered_signed_and_in_order);
async fn changes_are_delivered_signed_and_in_order(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let before = gpt.has_object("notes", json!({ "before": true })).await;
    let receiver = Receiver::start().await;
    let secret = operator.has_webhook(gpt.id(), receiver.url()).await;
    let id = gpt.has_object("notes", json!({ "n": 1.5 })).await;
    gpt.patch_object(&id, json!({ "m": 2 })).await.expect(200);
    gpt.replace_object(&id, json!({ "n": 3 })).await.expect(200);
    gpt.delete_object(&id).await.expect(204);
    gpt.delete_object(&before).await.expect(204);

    let received = receiver.until(5).await;
    for delivery in &received {
        assert!(delivery.is_signed_with(&secret), "{delivery:?}");
        let others = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw";
        assert!(!delivery.is_signed_with(others));
    }
    let told = |id: &str| {
        of_object(&received, id)
            .map(Delivery::told)
            .collect::<Vec<_>>()
    };
    let own = |kind: &str, version| (kind.to_owned(), version);
    assert_eq!(
        told(&id),
        [
            own("created", 1),
            own("updated", 2),
            own("updated", 3),
            own("deleted", 3)
        ]
    );
    assert_eq!(told(&before), [own("deleted", 1)]);
    let bodies = [r#"{"n":1.5}"#, r#"{"m":2,"n":1.5}"#, r#"{"n":3}"#];
    for (delivery, body) in of_object(&received, &id).zip(bodies) {
        let body = format!(r#""body":{body}}}"#);
        assert!(delivery.text().contains(&body), "{delivery:?}");
    }
    let last = of_object(&received, &id).last().unwrap().json();
    assert_eq!(last["data"].get("body"), None);
    let first = of_object(&received, &id).next().unwrap().json();
    assert_eq!(first["data"]["gpt_id"], gpt.id());
    assert_eq!(first["data"]["collection"], "notes");
    assert_eq!(first["timestamp"], first["data"]["created_at"]);
}

fn of_object<'a>(received: &'a [Delivery], id: &str) -> impl Iterator<Item = &'a Delivery> {
    let id = id.to_owned();
    received
        .iter()
        .filter(move |delivery| delivery.json()["data"]["id"] == id.as_str())
}

on_both!(every_way_to_write_is_forwarded);
async fn every_way_to_write_is_forwarded(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let old = gpt.has_objects("notes", 2).await;
    let receiver = Receiver::start().await;
    operator.has_webhook(gpt.id(), receiver.url()).await;
    let batch = json!([
        { "op": "create", "body": { "n": 1 } },
        { "op": "patch", "id": old[0], "body": { "n": 2 } },
        { "op": "delete", "id": old[1] },
    ]);
    gpt.batch_objects("notes", batch).await.expect(200);
    let once = || {
        gpt.create_object("notes", json!({ "n": 4 }))
            .header("idempotency-key", "one")
    };
    once().await.expect(201);
    once().await.expect(201);
    gpt.upsert_collection("later").await.expect(201);
    let lines =
        "{\"collection\":\"later\",\"body\":{\"n\":5}}\n{\"collection\":\"later\",\"body\":{}}\n";
    gpt.ended(gpt.import_lines(lines).await).await;
    gpt.delete_collection("later").await.expect(204);

    let received = receiver.until(8).await;
    let mut counts = HashMap::new();
    for delivery in &received {
        *counts.entry(delivery.told().0).or_insert(0) += 1;
    }
    let expected = [("created", 4), ("updated", 1), ("deleted", 3)];
    let expected = expected.map(|(kind, count)| (kind.to_owned(), count));
    assert_eq!(counts, HashMap::from(expected));
    // A replay has changed nothing.
    sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.received().len(), 8);
}

on_both!(the_record_of_calls_names_what_was_forwarded);
async fn the_record_of_calls_names_what_was_forwarded(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let receiver = Receiver::start().await;
    operator.has_webhook(gpt.id(), receiver.url()).await;
    let id = gpt.has_object("notes", json!({})).await;
    gpt.get_object(&id).await.expect(200);
    let delivered = &receiver.until(1).await[0];
    let change = delivered.json()["data"]["change_id"].clone();
    let message = format!("{}_{id}", change.as_str().unwrap());
    assert_eq!(delivered.header("webhook-id"), message);
    let named = recorded(&operator, &gpt, "create_object").await;
    assert_eq!(named, change);
    assert_eq!(recorded(&operator, &gpt, "get_object").await, Value::Null);
}

/// What the record of calls says of what the latest call of `operation` forwarded.
async fn recorded(operator: &Operator, gpt: &Gpt, operation: &str) -> Value {
    let start = Instant::now();
    loop {
        let calls = operator
            .list_audit_entries()
            .query("gpt_id", gpt.id())
            .query("operation", operation);
        if let Some(call) = calls.await.expect(200).items().first() {
            return call["memory_service_request_id"].clone();
        }
        assert!(start.elapsed() < PATIENCE);
        sleep(Duration::from_millis(20)).await;
    }
}

on_both!(another_put_keeps_the_secret);
async fn another_put_keeps_the_secret(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let secret = operator.has_webhook(gpt.id(), first.url()).await;
    let put = operator.put_webhook(gpt.id(), json!({ "url": second.url() }));
    let put = put.await.expect(200);
    assert_eq!(put["secret"], Value::Null);
    assert_eq!(put["url"], second.url());
    gpt.has_object("notes", json!({})).await;
    assert!(second.until(1).await[0].is_signed_with(&secret));
    assert!(first.received().is_empty());

    let off = json!({ "url": second.url(), "is_enabled": false });
    operator.put_webhook(gpt.id(), off).await.expect(200);
    gpt.has_object("notes", json!({})).await;
    let on = json!({ "url": second.url() });
    operator.put_webhook(gpt.id(), on).await.expect(200);
    gpt.has_object("notes", json!({ "last": true })).await;
    let received = second.until(2).await;
    assert_eq!(received.len(), 2);
    assert_eq!(received[1].json()["data"]["body"], json!({ "last": true }));
}

on_both!(refuses_where_nothing_may_be_sent);
async fn refuses_where_nothing_may_be_sent(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    for url in [
        "",
        "example.com",
        "http://example.com/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:a9fe:a9fe]/",
        "https://10.0.0.1/",
        "https://2852039166/",
        "https://user@example.com/",
        "https://example.com/#fragment",
        "gopher://example.com/",
    ] {
        let put = operator.put_webhook(&gpt, json!({ "url": url })).await;
        put.refuses("/url");
    }
    let fine = json!({ "url": "https://example.com/" });
    let none = operator.put_webhook("nobody-at-all", fine).await;
    none.expect(404).problem("gpt-not-found");
    operator.get_webhook(&gpt).await.expect(404);
}
