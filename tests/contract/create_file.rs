//! `create_file`: text and bytes, as JSON and as a form, within the rules and the quota.

use reqwest::Method;
use serde_json::json;

use crate::support::app::App;

const DAY: i64 = 24 * 60 * 60;

on_both!(text_is_stored_and_described);
async fn text_is_stored_and_described(app: App) {
    let gpt = app.gpt().await;
    let file = gpt.create_file("notes.txt", "Größe").await.expect(200);
    assert!(file.string("id").starts_with("file-"));
    assert_eq!(file["object"], "file");
    assert_eq!(file["filename"], "notes.txt");
    assert_eq!(file["purpose"], "user_data");
    assert_eq!(file["status"], "processed");
    assert_eq!(file.number("bytes"), 7);
    assert_eq!(
        file.number("expires_at") - file.number("created_at"),
        7 * DAY
    );
    let got = gpt.get_file(&file.string("id")).await.expect(200);
    assert_eq!(got.json(), file.json());
    let content = gpt.get_file_content(&file.string("id")).await.expect(200);
    assert_eq!(content.text(), "Größe");
    let media_type = content.header("content-type").unwrap();
    assert_eq!(media_type, "text/plain; charset=utf-8");
}

on_both!(bytes_come_back_as_they_were);
async fn bytes_come_back_as_they_were(app: App) {
    let gpt = app.gpt().await;
    let base64 = gpt.create_file("a.bin", "").without("content");
    let stored = base64.member("content_base64", "AP+AAA==").await;
    let content = gpt.get_file_content(&stored.expect(200).string("id")).await;
    assert_eq!(content.expect(200).bytes(), [0, 255, 128, 0]);

    let bytes: Vec<u8> = (0..300_000_u32)
        .map(|n| (n.wrapping_mul(0x9e37_79b9) >> 7) as u8)
        .collect();
    let form = gpt.post_file("a.bin", &bytes, &[("purpose", "assistants")]);
    let stored = form.await.expect(200);
    assert_eq!(stored.number("bytes"), 300_000);
    assert_eq!(stored["purpose"], "assistants");
    let content = gpt.get_file_content(&stored.string("id")).await.expect(200);
    assert!(content.bytes() == bytes, "other bytes came back");
    gpt.post_file("empty", b"", &[("purpose", "vision")])
        .await
        .expect(200);
}

on_both!(purposes_and_times_have_rules);
async fn purposes_and_times_have_rules(app: App) {
    let gpt = app.gpt().await;
    let file = || gpt.create_file("a.txt", "a");
    file().member("purpose", "war").await.refuses("/purpose");
    let over = 30 * DAY + 1;
    file()
        .member("expires_in", over)
        .await
        .refuses("/expires_in");
    let after = json!({ "anchor": "created_at", "seconds": over });
    file()
        .member("expires_after", after)
        .await
        .refuses("/expires_after/seconds");
    let both = json!({ "anchor": "created_at", "seconds": 60 });
    file()
        .member("expires_in", 60)
        .member("expires_after", both)
        .await
        .refuses("/expires_after/seconds");
    for (member, value) in [
        ("expires_in", json!(30 * DAY)),
        (
            "expires_after",
            json!({ "anchor": "created_at", "seconds": 30 * DAY }),
        ),
    ] {
        let file = file().member(member, value).await.expect(200);
        assert_eq!(
            file.number("expires_at") - file.number("created_at"),
            30 * DAY
        );
    }
    let form = |name, text| gpt.post_file("a", b"a", &[("purpose", "batch"), (name, text)]);
    form("expires_in", "2592001").await.refuses("expires_in");
    form("expires_in", "1").await.expect(200);
    gpt.post_file("a", b"a", &[("purpose", "war")])
        .await
        .refuses("purpose");
    assert_eq!(
        gpt.file_ids().await.len(),
        3,
        "something was kept of what was refused"
    );
}

on_both!(too_large_is_a_400_before_it_is_read);
async fn too_large_is_a_400_before_it_is_read(app: App) {
    let gpt = app.gpt().await;
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: \
         multipart/form-data; boundary=X\r\nContent-Length: 900000000\r\n\r\n",
        gpt.key()
    );
    let answer = app.raw(head).await.unwrap();
    answer.expect(400).problem("file-too-large");
}

on_both!(names_are_kept_and_made_safe_where_they_are_used);
async fn names_are_kept_and_made_safe_where_they_are_used(app: App) {
    let gpt = app.gpt().await;
    for name in [
        "../../etc/passwd",
        "C:\\boot.ini",
        "a\r\nSet-Cookie: b=c",
        "\u{1}\u{7f}\u{85}",
        "東京 — مرحبا 🎉.txt",
        "gpj\u{202e}.exe",
        ".",
        " ",
        &"n".repeat(255),
    ] {
        let file = gpt.create_file(name, "a").await.expect(200);
        assert_eq!(file["filename"], name);
        let id = file.string("id");
        assert_eq!(gpt.get_file(&id).await.expect(200)["filename"], name);
        let content = gpt.get_file_content(&id).await.expect(200);
        let disposition = content.header("content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; filename=\""));
        assert!(!disposition.contains(['/', '\\']), "{disposition}");
    }
    gpt.create_file("a\0b", "a").await.refuses("/filename");
    gpt.create_file(&"n".repeat(256), "a")
        .await
        .refuses("/filename");
    let kilobyte = "é".repeat(512);
    let form = |name: &str| gpt.post_file(name, b"a", &[("purpose", "batch")]);
    assert_eq!(form(&kilobyte).await.expect(200)["filename"], kilobyte);
    form(&"é".repeat(513)).await.refuses("file");
}

on_both!(a_gpt_has_a_quota_of_files_and_bytes);
async fn a_gpt_has_a_quota_of_files_and_bytes(app: App) {
    let (gpt, other) = (app.gpt().await, app.gpt().await);
    let first = gpt.has_file("abc").await;
    let mut database = app.database().await;
    let one_less = "UPDATE file_usage SET files = 9999 WHERE gpt_id = $1";
    assert_eq!(database.execute(one_less, gpt.id()).await, 1);
    gpt.create_file("a.txt", "a").await.expect(200);
    let refused = gpt.create_file("a.txt", "a").await.expect(403);
    refused.problem("quota-exceeded");
    gpt.create_upload(1)
        .await
        .expect(403)
        .problem("quota-exceeded");
    other.create_file("a.txt", "a").await.expect(200);
    gpt.delete_file(&first).await.expect(200);
    gpt.create_file("a.txt", "a").await.expect(200);

    let nearly = "UPDATE file_usage SET files = 2, bytes = 10737418235 WHERE gpt_id = $1";
    assert_eq!(database.execute(nearly, gpt.id()).await, 1);
    gpt.create_file("a.txt", "123456").await.expect(403);
    gpt.create_file("a.txt", "12345").await.expect(200);
    gpt.create_file("a.txt", "1").await.expect(403);
    gpt.create_file("empty.txt", "").await.expect(200);
    gpt.create_upload(1).await.expect(403);
    let upload = gpt.has_upload(0).await;
    let part = gpt.add_upload_part(&upload, b"1").await;
    part.expect(403).problem("quota-exceeded");
}

on_both!(a_form_that_breaks_off_leaves_nothing);
async fn a_form_that_breaks_off_leaves_nothing(app: App) {
    let gpt = app.gpt().await;
    let request = format!(
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: \
         multipart/form-data; boundary=X\r\nContent-Length: 5000\r\n\r\n--X\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc",
        gpt.key()
    );
    if let Some(answer) = app.raw(request).await {
        answer.expect(400).problem("incomplete-body");
    }
    assert!(gpt.file_ids().await.is_empty());
    // The method's other media type, to be sure that the key itself would have done.
    let file = json!({ "filename": "a", "purpose": "evals", "content": "a" });
    gpt.call(Method::POST, "/v1/files")
        .json(file)
        .await
        .expect(200);
}
