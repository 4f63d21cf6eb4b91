//! `revoke_application`: for good.

use crate::support::app::App;
use crate::support::operator::NO_APPLICATION;

on_both!(stays_revoked);
async fn stays_revoked(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let id = operator.has_application(&gpt).await.string("client_id");
    let revoked = operator.revoke_application(&id).await.expect(200);
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    let again = operator.revoke_application(&id).await.expect(200);
    assert_eq!(again["revoked_at"], revoked["revoked_at"]);
    let none = operator.revoke_application(NO_APPLICATION).await;
    none.expect(404).problem("application-not-found");
}
