//! `rotate_webhook_secret`: a new one, shown once, beside the old one for a while.

use serde_json::json;

use crate::support::app::App;
use crate::support::receiver::Receiver;

on_both!(deliveries_are_signed_with_both_for_a_while);
async fn deliveries_are_signed_with_both_for_a_while(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let receiver = Receiver::start().await;
    let first = operator.has_webhook(gpt.id(), receiver.url()).await;
    let rotate = |body| operator.rotate_webhook_secret(gpt.id(), body);
    let kept = rotate(json!({ "keep_old_seconds": 60 })).await.expect(200);
    let second = kept.string("secret");
    gpt.has_object("notes", json!({})).await;
    let delivered = receiver.until(1).await.remove(0);
    assert!(delivered.is_signed_with(&first) && delivered.is_signed_with(&second));
    let third = rotate(json!({})).await.expect(200).string("secret");
    gpt.has_object("notes", json!({})).await;
    let delivered = receiver.until(2).await.remove(1);
    assert!(delivered.is_signed_with(&third));
    assert!(!delivered.is_signed_with(&first) && !delivered.is_signed_with(&second));
}

on_both!(refuses_where_there_is_none);
async fn refuses_where_there_is_none(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let none = operator.rotate_webhook_secret(&gpt, json!({})).await;
    none.expect(404).problem("webhook-not-found");
    let long = json!({ "keep_old_seconds": 604_801 });
    let long = operator.rotate_webhook_secret(&gpt, long).await;
    long.refuses("/keep_old_seconds");
}
