//! `get_health`: how the service is, for anybody.

use reqwest::Method;
use serde_json::json;

use crate::support::app::App;

on_both!(says_ok_to_anybody);
async fn says_ok_to_anybody(app: App) {
    let health = app.call(Method::GET, "/health").await.expect(200);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        *health.json(),
        json!({ "status": "ok", "version": version, "database": "ok" })
    );
    app.call(Method::GET, "/health")
        .key("nonsense")
        .await
        .expect(200);
}
