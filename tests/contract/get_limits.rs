//! `get_limits`: who the caller is, and what the service allows.

use serde_json::json;

use crate::support::app::App;
use crate::support::conformance;

on_both!(says_who_the_caller_is);
async fn says_who_the_caller_is(app: App) {
    let gpt = app.gpt().await;
    let limits = gpt.get_limits().await.expect(200);
    assert_eq!(limits["gpt_id"], gpt.id());
    let id = gpt.id().parse().unwrap();
    let reader = app.key(Some(&id), "objects:read", None).await;
    let limits = gpt
        .with_key(reader.key.reveal())
        .get_limits()
        .await
        .expect(200);
    assert_eq!(limits["scopes"], json!(["objects:read"]));
    gpt.get_limits()
        .query("colour", "red")
        .await
        .refuses("colour");
}

on_both!(states_what_the_contract_states);
async fn states_what_the_contract_states(app: App) {
    let limits = app.gpt().await.get_limits().await.expect(200);
    let list = conformance::operation("GET", "/v1/gpts/g/collections/c/objects").unwrap();
    let parameter = |name: &str| {
        &list
            .parameters
            .iter()
            .find(|parameter| parameter.name == name)
            .unwrap()
            .schema
    };
    assert_eq!(limits["page_items"], parameter("limit")["maximum"]);
    assert_eq!(limits["page_items_default"], parameter("limit")["default"]);
    assert_eq!(
        limits["page_bytes_default"],
        parameter("max_bytes")["default"]
    );
    let operations = &conformance::schema("BatchRequest")["properties"]["operations"];
    assert_eq!(limits["batch_operations"], operations["maxItems"]);
    let text = &conformance::schema("CreateObjectRequest")["properties"]["body_json"];
    assert_eq!(limits["document_bytes"], text["maxLength"]);
    let schema = &conformance::schema("UpsertCollectionRequest")["properties"]["schema_json"];
    assert_eq!(limits["schema_bytes"], schema["maxLength"]);
}
