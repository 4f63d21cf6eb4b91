//! What pages of other origins see (CORS).

use reqwest::Method;
use serde_json::json;

use crate::support::app::App;

on_both!(the_seeds_preflight_is_answered);
async fn the_seeds_preflight_is_answered(app: App) {
    let preflight = app
        .call(Method::OPTIONS, "/api/storage?ns=smoke")
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "PATCH")
        .header(
            "access-control-request-headers",
            "authorization, if-match, content-type, x-thesara-app-id",
        )
        .await
        .expect(204);
    let allowed = |name: &str| preflight.header(name).unwrap().to_ascii_lowercase();
    assert_eq!(allowed("access-control-allow-origin"), "*");
    let methods = allowed("access-control-allow-methods");
    for method in ["get", "patch", "options"] {
        assert!(
            methods.split(", ").any(|allowed| allowed == method),
            "{methods}"
        );
    }
    let headers = allowed("access-control-allow-headers");
    for header in [
        "authorization",
        "if-match",
        "content-type",
        "x-thesara-app-id",
    ] {
        assert!(
            headers.split(", ").any(|allowed| allowed == header),
            "{headers}"
        );
    }
    assert_eq!(preflight.text(), "");
}

on_both!(answers_and_failures_can_be_read_by_pages);
async fn answers_and_failures_can_be_read_by_pages(app: App) {
    let gpt = app.gpt().await;
    let origin = "http://localhost:3000";
    let operations = json!([{ "op": "set", "key": "a", "value": 1 }]);
    let created = gpt
        .patch_storage("smoke", 0, &operations)
        .header("origin", origin)
        .await;
    let conflict = gpt
        .patch_storage("smoke", 0, &operations)
        .header("origin", origin)
        .await;
    for answer in [created.expect(201), conflict.expect(412)] {
        assert_eq!(
            answer.header("access-control-allow-origin").as_deref(),
            Some("*")
        );
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(exposed.as_deref(), Some("ETag, X-Storage-Backend"));
    }
    let objects = gpt.get_limits().header("origin", origin).await.expect(200);
    let exposed = objects.header("access-control-expose-headers").unwrap();
    assert!(
        exposed.contains("ETag") && exposed.contains("Link"),
        "{exposed}"
    );
    let plain = gpt.get_limits().await.expect(200);
    assert_eq!(plain.header("access-control-allow-origin"), None);
    // Without an origin it is no preflight.
    let options = app
        .call(Method::OPTIONS, "/api/storage?ns=smoke")
        .await
        .expect(405);
    assert_eq!(options.header("allow").as_deref(), Some("GET, PATCH"));
}
