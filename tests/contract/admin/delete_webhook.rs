//! `delete_webhook`: nothing is forwarded any more.

use serde_json::json;

use crate::support::app::App;
use crate::support::receiver::Receiver;

on_both!(stops_forwarding);
async fn stops_forwarding(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let receiver = Receiver::start().await;
    operator.has_webhook(gpt.id(), receiver.url()).await;
    gpt.has_object("notes", json!({})).await;
    receiver.until(1).await;
    operator.delete_webhook(gpt.id()).await.expect(204);
    let again = operator.delete_webhook(gpt.id()).await;
    again.expect(404).problem("webhook-not-found");
    let id = gpt.has_object("notes", json!({})).await;
    gpt.delete_object(&id).await.expect(204);
    let mut database = app.database().await;
    assert_eq!(database.count("events", gpt.id()).await, 0);
    assert_eq!(receiver.received().len(), 1);
}
