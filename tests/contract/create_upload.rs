//! `create_upload`: what it answers, and what it refuses.

use reqwest::Method;

use crate::support::app::App;

on_both!(an_upload_has_a_place_for_its_parts);
async fn an_upload_has_a_place_for_its_parts(app: App) {
    let gpt = app.gpt().await;
    let upload = gpt.create_upload(5).await.expect(200);
    let id = upload.string("id");
    assert!(id.starts_with("upload_"));
    assert_eq!(
        (&upload["status"], upload.number("bytes")),
        (&"pending".into(), 5)
    );
    assert_eq!(
        upload.number("expires_at") - upload.number("created_at"),
        3600
    );
    assert_eq!(upload.number("part_size"), 64 << 20);
    let url = upload.string("url");
    assert!(
        url.contains(&format!("/v1/uploads/{id}/parts/{{part_number}}?")),
        "{url}"
    );
    assert!(gpt.file_ids().await.is_empty());
}

on_both!(what_could_never_be_a_file_is_refused);
async fn what_could_never_be_a_file_is_refused(app: App) {
    let gpt = app.gpt().await;
    let over = gpt.create_upload((8 << 30) + 1).await.expect(400);
    over.problem("file-too-large");
    let upload = || gpt.create_upload(5);
    upload().member("purpose", "war").await.refuses("/purpose");
    upload()
        .member("expires_in", 2_592_001)
        .await
        .refuses("/expires_in");
    upload()
        .member("filename", "a\0")
        .await
        .refuses("/filename");
    upload().member("bytes", -1).await.refuses("/bytes");
    gpt.call(Method::GET, "/v1/uploads").await.expect(405);
}
