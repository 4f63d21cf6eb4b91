//! `add_upload_part`: parts with a key, one after the other.

use crate::support::app::App;

on_both!(parts_follow_each_other);
async fn parts_follow_each_other(app: App) {
    let gpt = app.gpt().await;
    let upload = gpt.has_upload(6).await;
    let part = gpt.add_upload_part(&upload, b"abc").await.expect(200);
    assert!(part.string("id").starts_with("part_"));
    assert_eq!(
        (&part["object"], &part["upload_id"]),
        (&"upload.part".into(), &upload.as_str().into())
    );
    let next = gpt.has_parts(&upload, &["def"]).await;
    assert_ne!(next[0], part.string("id"));
}

on_both!(parts_come_to_open_uploads_of_ones_own);
async fn parts_come_to_open_uploads_of_ones_own(app: App) {
    let (gpt, stranger) = (app.gpt().await, app.gpt().await);
    let never = "upload_0198c2f47b1e7c339f0a3d5e2b1c4a60";
    let none = gpt.add_upload_part(never, b"a").await.expect(404);
    none.problem("upload-not-found");
    let upload = gpt.has_upload(1).await;
    let anothers = stranger.add_upload_part(&upload, b"a").await.expect(403);
    anothers.problem("forbidden");

    gpt.cancel_upload(&upload).await.expect(200);
    let closed = gpt.add_upload_part(&upload, b"a").await.expect(409);
    assert_eq!(
        closed
            .problem("upload-closed")
            .header("x-should-retry")
            .as_deref(),
        Some("false")
    );

    let upload = gpt.has_upload(1).await;
    let over = "UPDATE uploads SET expires_at = created_at WHERE state = 'pending' AND gpt_id = $1";
    assert_eq!(app.database().await.execute(over, gpt.id()).await, 1);
    let closed = gpt.add_upload_part(&upload, b"a").await.expect(409);
    assert!(closed.string("detail").contains("expired"), "{closed}");
}
