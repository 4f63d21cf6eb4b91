//! `complete_upload`: parts become a file, in order, checked, once.

use crate::support::app::App;

/// MD5 of `abcdef`.
const MD5: &str = "e80b5017098950fc58aad83c8c14978e";

on_both!(parts_become_a_file_in_the_callers_order);
async fn parts_become_a_file_in_the_callers_order(app: App) {
    let gpt = app.gpt().await;
    let upload = gpt.create_upload(6).member("expires_in", 60).await;
    let upload = upload.expect(200).string("id");
    let mut parts = gpt.has_parts(&upload, &["def", "unused", "abc"]).await;
    parts.remove(1);
    parts.reverse();
    let done = gpt
        .complete_upload(&upload, &parts)
        .member("md5", MD5.to_uppercase());
    let done = done.await.expect(200);
    assert_eq!(
        (&done["status"], &done["id"]),
        (&"completed".into(), &upload.as_str().into())
    );
    assert!(done["url"].is_null());
    let file = &done["file"];
    assert_eq!(
        (&file["filename"], &file["bytes"]),
        (&"a.bin".into(), &6.into())
    );
    let (made, ends) = (file["created_at"].as_i64(), file["expires_at"].as_i64());
    assert_eq!(ends.unwrap() - made.unwrap(), 60);
    let content = gpt.get_file_content(file["id"].as_str().unwrap()).await;
    let content = content.expect(200);
    assert_eq!(content.text(), "abcdef");
    assert_eq!(
        content.header("content-type").as_deref(),
        Some("application/x-parts")
    );
    let part = gpt.get_file_content(file["id"].as_str().unwrap());
    assert_eq!(
        part.header("Range", "bytes=2-3").await.expect(206).text(),
        "cd"
    );

    for call in [
        gpt.complete_upload(&upload, &parts),
        gpt.cancel_upload(&upload),
    ] {
        let closed = call.await.expect(409).problem("upload-closed");
        assert!(closed.string("detail").contains("completed"), "{closed}");
    }
    let counted = "DELETE FROM file_usage WHERE gpt_id = $1 AND files = 1 AND bytes = 6";
    assert_eq!(app.database().await.execute(counted, gpt.id()).await, 1);
}

on_both!(what_was_announced_is_held_against_what_came);
async fn what_was_announced_is_held_against_what_came(app: App) {
    let gpt = app.gpt().await;
    let upload = gpt.has_upload(6).await;
    let parts = gpt.has_parts(&upload, &["abc", "def"]).await;
    let complete = |ids: &[&String]| {
        let ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
        gpt.complete_upload(&upload, &ids)
    };
    complete(&[&parts[0]]).await.refuses("/part_ids");
    complete(&[]).await.refuses("/part_ids");
    complete(&[&parts[0], &parts[0]])
        .await
        .refuses("/part_ids/1");
    let never = "part_0198c2f47b1e7c339f0a3d5e2b1c4a60".to_owned();
    complete(&[&parts[0], &never]).await.refuses("/part_ids/1");
    let wrong_order = complete(&[&parts[1], &parts[0]]).member("md5", MD5);
    wrong_order.await.refuses("/md5");
    assert!(gpt.file_ids().await.is_empty());

    let stranger = app.gpt().await;
    let theirs = stranger.has_upload(3).await;
    let their_part = stranger.has_parts(&theirs, &["def"]).await;
    complete(&[&parts[0], &their_part[0]])
        .await
        .refuses("/part_ids/1");
    stranger.complete_upload(&upload, &parts).await.expect(403);
    let never = "upload_0198c2f47b1e7c339f0a3d5e2b1c4a60";
    gpt.complete_upload(never, &parts).await.expect(404);

    let done = complete(&[&parts[0], &parts[1]]).member("md5", MD5).await;
    done.expect(200);
    assert_eq!(gpt.file_ids().await.len(), 1);
}

on_both!(an_empty_upload_is_an_empty_file);
async fn an_empty_upload_is_an_empty_file(app: App) {
    let gpt = app.gpt().await;
    let upload = gpt.has_upload(0).await;
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    let done = gpt.complete_upload(&upload, &[]).member("md5", md5).await;
    let file = done.expect(200)["file"]["id"].as_str().unwrap().to_owned();
    assert_eq!(gpt.get_file_content(&file).await.expect(200).text(), "");
    gpt.delete_file(&file).await.expect(200);
}
