//! `retry_webhook_events`: dead letters are delivered again.

use serde_json::json;

use crate::support::app::App;
use crate::support::receiver::{Receiver, TAKEN};

on_both!(delivers_dead_letters_again);
async fn delivers_dead_letters_again(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let receiver = Receiver::answering(|number, _| match number {
        0 => "500 Internal Server Error".to_owned(),
        _ => TAKEN.to_owned(),
    });
    let receiver = receiver.await;
    operator.has_webhook(gpt.id(), receiver.url()).await;
    let id = gpt.has_object("notes", json!({ "n": 1 })).await;
    let failed = receiver.until(1).await.remove(0);
    let give_up = "UPDATE events SET state = 'failed' WHERE gpt_id = $1 AND attempts = 1";
    let mut database = app.database().await;
    while database.execute(give_up, gpt.id()).await == 0 {}

    let list = operator
        .list_webhook_events(gpt.id())
        .query("state", "failed");
    assert_eq!(list.await.expect(200).items().len(), 1);
    let retry = || operator.retry_webhook_events(gpt.id());
    assert_eq!(retry().await.expect(200).number("retried"), 1);
    let delivered = receiver.until(2).await.remove(1);
    assert_eq!(delivered.header("webhook-id"), failed.header("webhook-id"));
    assert_eq!(delivered.json()["data"]["body"], json!({ "n": 1 }));
    assert_eq!(delivered.json()["data"]["id"], id.as_str());
    assert_eq!(retry().await.expect(200).number("retried"), 0);
    let none = operator.retry_webhook_events(&operator.has_gpt().await);
    none.await.expect(404).problem("webhook-not-found");
}
