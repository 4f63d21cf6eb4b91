//! `get_file_content`: the bytes, or a range of them, unless the caller has them.

use reqwest::Method;
use sha2::{Digest, Sha256};

use crate::support::app::App;

on_both!(ranges_are_answered);
async fn ranges_are_answered(app: App) {
    let gpt = app.gpt().await;
    let text: String = (0..20_000).map(|n| format!("{n:09}\n")).collect();
    let id = gpt.has_file(&text).await;
    let whole = gpt.get_file_content(&id).await.expect(200);
    assert_eq!(whole.text(), text);
    assert_eq!(whole.header("accept-ranges").as_deref(), Some("bytes"));
    for (range, start, end) in [
        ("bytes=0-9", 0, 10),
        // Across chunks of 64 KiB.
        ("bytes=65530-65545", 65_530, 65_546),
        ("bytes=131072-", 131_072, 200_000),
        ("bytes=-1", 199_999, 200_000),
    ] {
        let part = gpt.get_file_content(&id).header("Range", range).await;
        let part = part.expect(206);
        assert_eq!(part.text(), &text[start..end], "{range}");
        let content_range = format!("bytes {start}-{}/200000", end - 1);
        assert_eq!(part.header("content-range"), Some(content_range));
        let twin = gpt.get_file_content(&id).query("range", range).await;
        assert_eq!(twin.expect(206).text(), part.text());
    }
    let behind = gpt.get_file_content(&id).header("Range", "bytes=200000-");
    let behind = behind.await.expect(416).problem("range-not-satisfiable");
    assert_eq!(
        behind.header("content-range").as_deref(),
        Some("bytes */200000")
    );
    let empty = gpt.has_file("").await;
    assert_eq!(gpt.get_file_content(&empty).await.expect(200).text(), "");
}

on_both!(the_tag_is_the_sha256_of_the_content);
async fn the_tag_is_the_sha256_of_the_content(app: App) {
    let gpt = app.gpt().await;
    let id = gpt.has_file("abc").await;
    let digest = Sha256::digest(b"abc");
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{digits}\"");
    let whole = gpt.get_file_content(&id).await.expect(200);
    assert_eq!(whole.header("etag"), Some(tag.clone()));
    let known = gpt
        .get_file_content(&id)
        .header("If-None-Match", &tag)
        .await;
    assert_eq!(known.expect(304).header("etag"), Some(tag.clone()));
    gpt.get_file_content(&id)
        .query("if_none_match", &digits)
        .await
        .expect(304);
    gpt.get_file_content(&id)
        .header("If-None-Match", "\"other\"")
        .await
        .expect(200);
    let head = gpt
        .call(Method::HEAD, format!("/v1/files/{id}/content"))
        .await
        .expect(200);
    assert_eq!((head.header("etag"), head.text()), (Some(tag), ""));
    assert_eq!(head.header("content-length").as_deref(), Some("3"));
}

on_both!(only_its_owner_reads_it);
async fn only_its_owner_reads_it(app: App) {
    let (gpt, stranger) = (app.gpt().await, app.gpt().await);
    let id = gpt.has_file("a secret").await;
    let refused = stranger.get_file_content(&id).await.expect(403);
    assert!(!refused.problem("forbidden").text().contains("a secret"));
    let never = "file-0198c2f47b1e7c339f0a3d5e2b1c4a60";
    gpt.get_file_content(never).await.expect(404);
}
