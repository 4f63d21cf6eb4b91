//! `list_signing_keys`: the latest first, and nothing secret.

use crate::support::app::App;

on_both!(lists_keys_without_their_secret_half);
async fn lists_keys_without_their_secret_half(app: App) {
    let operator = app.administrator().await;
    let made = operator.rotate_signing_key().await.expect(201);
    let keys = operator.list_signing_keys().await.expect(200);
    assert!(keys.items().iter().any(|key| key["id"] == made["id"]));
    let times: Vec<_> = keys
        .items()
        .iter()
        .map(|key| key["created_at"].as_str())
        .collect();
    assert!(
        times.is_sorted_by(|earlier, later| earlier >= later),
        "{times:?}"
    );
    assert!(!keys.text().contains("private"), "{keys}");
}
