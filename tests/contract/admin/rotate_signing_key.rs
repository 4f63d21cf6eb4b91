//! `rotate_signing_key`: another key signs, and the one before retires.

use crate::support::app::App;

on_both!(the_new_key_signs_and_the_old_one_retires);
async fn the_new_key_signs_and_the_old_one_retires(app: App) {
    let operator = app.administrator().await;
    let old = operator.rotate_signing_key().await.expect(201);
    assert_eq!(old["algorithm"], "ES256");
    let new = operator.rotate_signing_key().await.expect(201);
    // Others rotate too, so the new one may have retired since.
    assert_ne!(new["id"], old["id"]);
    let keys = operator.list_signing_keys().await.expect(200);
    let find = |id: &serde_json::Value| keys.items().iter().find(|key| key["id"] == *id).unwrap();
    assert!(find(&old["id"])["retires_at"].is_string());
    let served = app.call(reqwest::Method::GET, "/admin/v1/signing-keys");
    served.await.expect(401);
}
