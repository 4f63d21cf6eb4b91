//! `revoke_key`: for good, and at once.

use crate::support::app::App;

on_both!(a_key_in_use_is_refused_at_once);
async fn a_key_in_use_is_refused_at_once(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    let made = operator.has_key(gpt.id()).await;
    let with_key = gpt.with_key(&made.string("key"));
    with_key.get_limits().await.expect(200);
    let revoked = operator.revoke_key(&made.string("id")).await.expect(200);
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    with_key.get_limits().await.expect(401);
    gpt.get_limits().await.expect(200);

    let again = operator.revoke_key(&made.string("id")).await.expect(200);
    assert_eq!(again["revoked_at"], revoked["revoked_at"]);
    assert_eq!(
        operator.get_key(&made.string("id")).await["revoked_at"],
        revoked["revoked_at"]
    );
}

on_both!(what_is_not_there_cannot_be_revoked);
async fn what_is_not_there_cannot_be_revoked(app: App) {
    let operator = app.administrator().await;
    let none = "key_0198c2f47b1e7c339f0a3d5e2b1c4a60";
    let none = operator.revoke_key(none).await;
    none.expect(404).problem("key-not-found");
}
