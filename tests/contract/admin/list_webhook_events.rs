//! `list_webhook_events`: what was delivered, waits, or could not be.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::receiver::{Receiver, TAKEN};

on_both!(lists_what_became_of_changes);
async fn lists_what_became_of_changes(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let receiver = Receiver::answering(|_, delivery| match delivery.told().0.as_str() {
        "updated" => "302 Found\r\nlocation: http://169.254.169.254/latest".to_owned(),
        _ => TAKEN.to_owned(),
    });
    let receiver = receiver.await;
    operator.has_webhook(gpt.id(), receiver.url()).await;
    let id = gpt.has_object("notes", json!({})).await;
    receiver.until(1).await;
    gpt.patch_object(&id, json!({ "n": 1 })).await.expect(200);
    receiver.until(2).await;
    gpt.patch_object(&id, json!({ "n": 2 })).await.expect(200);
    let list = || operator.list_webhook_events(gpt.id());
    let of = |state: &str| list().query("state", state);
    let mut first = of("pending").await.expect(200).items().to_vec();
    while first.iter().all(|event| event["attempts"] == 0) {
        first = of("pending").await.expect(200).items().to_vec();
    }
    // The one behind waits for the one before.
    let [behind, tried] = &first[..] else {
        panic!("{first:?}");
    };
    assert_eq!(behind["attempts"], 0);
    assert_eq!([&tried["attempts"], &tried["status"]], [1, 302]);
    assert!(
        tried["error"]
            .as_str()
            .unwrap()
            .contains("redirects are not followed")
    );
    assert_eq!(behind["next_attempt_at"], tried["next_attempt_at"]);
    assert!(tried["next_attempt_at"].as_str() > tried["changed_at"].as_str());
    let delivered = of("delivered").await.expect(200);
    let [delivered] = delivered.items() else {
        panic!("{delivered}");
    };
    assert_eq!(delivered["type"], "object.created");
    assert_eq!(
        [&delivered["object_id"], &delivered["collection"]],
        [&id as &str, "notes"]
    );
    assert_eq!([&delivered["status"], &delivered["version"]], [204, 1]);
    assert_eq!(delivered["next_attempt_at"], Value::Null);
    assert_eq!(receiver.received()[0].header("webhook-id"), delivered["id"]);

    let all = || list().query("limit", 1);
    assert_eq!(operator.walk("id", all).await.len(), 3);
    of("else").await.refuses("state");
    let none = operator
        .list_webhook_events(&operator.has_gpt().await)
        .await;
    none.expect(404).problem("webhook-not-found");
}
