//! `delete_object`: for good.

use serde_json::json;
use uuid::Uuid;

use crate::support::app::App;

on_both!(deletes_for_good);
async fn deletes_for_good(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let kept = gpt.has_object("notes", json!({})).await;
    gpt.delete_object(&id).await.expect(204);
    gpt.get_object(&id)
        .await
        .expect(404)
        .problem("object-not-found");
    gpt.patch_object(&id, json!({})).await.expect(404);
    gpt.replace_object(&id, json!({})).await.expect(404);
    gpt.delete_object(&id)
        .await
        .expect(404)
        .problem("object-not-found");
    assert_eq!(gpt.walk(|| gpt.list_objects("notes")).await, [kept]);
}

on_both!(needs_the_object);
async fn needs_the_object(app: App) {
    let gpt = app.gpt_with_notes().await;
    gpt.delete_object(&Uuid::new_v4().to_string())
        .await
        .expect(404)
        .problem("object-not-found");
    gpt.delete_object("17").await.refuses("id");
    let id = gpt.has_object("notes", json!({})).await;
    app.gpt().await.delete_object(&id).await.expect(404);
    gpt.delete_object(&id)
        .query("colour", "red")
        .await
        .refuses("colour");
    gpt.get_object(&id).await.expect(200);
}
