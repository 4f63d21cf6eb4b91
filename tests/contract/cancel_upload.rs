//! `cancel_upload`: an upload ends without a file.

use crate::support::app::App;

on_both!(a_cancelled_upload_takes_and_becomes_nothing);
async fn a_cancelled_upload_takes_and_becomes_nothing(app: App) {
    let gpt = app.gpt().await;
    let upload = gpt.has_upload(3).await;
    let parts = gpt.has_parts(&upload, &["abc"]).await;
    app.gpt().await.cancel_upload(&upload).await.expect(403);
    // OpenAI's Python client says that it sends JSON, and sends nothing.
    let cancelled = gpt
        .cancel_upload(&upload)
        .header("content-type", "application/json");
    let cancelled = cancelled.await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert!(cancelled["url"].is_null() && cancelled["file"].is_null());
    for call in [
        gpt.cancel_upload(&upload),
        gpt.complete_upload(&upload, &parts),
        gpt.add_upload_part(&upload, b"a"),
    ] {
        let closed = call.await.expect(409).problem("upload-closed");
        assert!(closed.string("detail").contains("cancelled"), "{closed}");
    }
    let never = "upload_0198c2f47b1e7c339f0a3d5e2b1c4a60";
    gpt.cancel_upload(never)
        .await
        .expect(404)
        .problem("upload-not-found");
    let freed = "DELETE FROM file_usage WHERE gpt_id = $1 AND files = 0 AND bytes = 0";
    assert_eq!(app.database().await.execute(freed, gpt.id()).await, 1);
}
