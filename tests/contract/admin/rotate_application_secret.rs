//! `rotate_application_secret`: a new one, shown once.

use serde_json::json;

use crate::support::app::App;
use crate::support::operator::NO_APPLICATION;

on_both!(every_rotation_makes_another_secret);
async fn every_rotation_makes_another_secret(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let made = operator.has_application(&gpt).await;
    let id = made.string("client_id");
    let mut secrets = vec![made.string("client_secret")];
    for body in [json!({}), json!({ "keep_old_seconds": 604_800 })] {
        let rotated = operator.rotate_application_secret(&id, body).await;
        let rotated = rotated.expect(200);
        assert_eq!(rotated["client_id"], id.as_str());
        secrets.push(rotated.string("client_secret"));
    }
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), 3);
}

on_both!(refuses_where_there_is_none);
async fn refuses_where_there_is_none(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let public = json!({ "gpt_id": gpt, "name": "An app", "is_public": true });
    let public = operator
        .create_application(public)
        .await
        .string("client_id");
    let rotate = |id: &str, body| operator.rotate_application_secret(id, body);
    rotate(&public, json!({})).await.refuses("client_id");
    let id = operator.has_application(&gpt).await.string("client_id");
    for seconds in [-1, 604_801] {
        let body = json!({ "keep_old_seconds": seconds });
        rotate(&id, body).await.refuses("/keep_old_seconds");
    }
    let none = rotate(NO_APPLICATION, json!({})).await;
    none.expect(404).problem("application-not-found");
}
