//! `get_webhook`.

use serde_json::json;

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(shows_a_webhook_without_its_secret);
async fn shows_a_webhook_without_its_secret(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let asked = json!({ "url": "https://example.com/changes", "is_enabled": false });
    let made = operator.put_webhook(&gpt, asked).await.expect(201);
    let mut made = made.json().clone();
    let secret = made.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    let found = operator.get_webhook(&gpt).await.expect(200);
    assert_eq!(*found.json(), made);
    assert!(!found.text().contains("whsec_"));
}

on_both!(what_is_not_there_is_not_found);
async fn what_is_not_there_is_not_found(app: App) {
    let operator = app.administrator().await;
    let none = operator.get_webhook("no-webhook").await.expect(404);
    assert_problem("webhook_not_found", &none.problem("webhook-not-found"));
    operator.get_webhook("-").await.refuses("gpt_id");
}
