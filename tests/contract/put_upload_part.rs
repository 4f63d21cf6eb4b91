//! `put_upload_part`: parts without a key, by a signed URL, in any order and again.

use std::future::IntoFuture;

use futures::future::join_all;
use reqwest::Method;

use crate::support::app::App;
use crate::support::files::part_path;

on_both!(parts_are_put_at_once_and_again);
async fn parts_are_put_at_once_and_again(app: App) {
    let gpt = app.gpt().await;
    let upload = gpt.create_upload(12).await.expect(200);
    let put = |number, content: &str| {
        let path = part_path(upload.json(), number);
        app.call(Method::PUT, &path).bytes(content).into_future()
    };
    let first = join_all([put(3, "ijkl"), put(1, "????"), put(2, "efgh")]).await;
    let again = put(1, "abcd").await.expect(200).string("id");
    let ids: Vec<_> = first
        .into_iter()
        .map(|part| part.expect(200).string("id"))
        .collect();
    assert_eq!(
        again, ids[1],
        "a part that is put again stays the same part"
    );
    let parts = [ids[1].clone(), ids[2].clone(), ids[0].clone()];
    let done = gpt.complete_upload(&upload.string("id"), &parts).await;
    let file = done.expect(200)["file"]["id"].as_str().unwrap().to_owned();
    let content = gpt.get_file_content(&file).await.expect(200);
    assert_eq!(content.text(), "abcdefghijkl");
    put(4, "x").await.expect(409).problem("upload-closed");
}

on_both!(many_put_the_same_part_at_once);
async fn many_put_the_same_part_at_once(app: App) {
    let gpt = app.gpt().await;
    let upload = gpt.create_upload(3).await.expect(200);
    let path = part_path(upload.json(), 1);
    let puts = (100..108).map(|number: u32| {
        let call = app.call(Method::PUT, &path).bytes(number.to_string());
        call.into_future()
    });
    let ids = join_all(puts).await.into_iter();
    let mut ids: Vec<_> = ids.map(|part| part.expect(200).string("id")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let done = gpt.complete_upload(&upload.string("id"), &ids).await;
    assert_eq!(done.expect(200)["file"]["bytes"], 3);
    let counted = "DELETE FROM file_usage WHERE gpt_id = $1 AND files = 1 AND bytes = 3";
    assert_eq!(app.database().await.execute(counted, gpt.id()).await, 1);
}

on_both!(a_url_is_good_for_its_upload_and_time_only);
async fn a_url_is_good_for_its_upload_and_time_only(app: App) {
    let (gpt, stranger) = (app.gpt().await, app.gpt().await);
    let upload = gpt.create_upload(3).await.expect(200);
    let other = stranger.create_upload(3).await.expect(200);
    let path = part_path(upload.json(), 1);
    let expires = upload.number("expires_at");
    for forged in [
        path.replace(&upload.string("id"), &other.string("id")),
        path.replace(&expires.to_string(), &(expires + 1).to_string()),
        path.replace("signature=", "signature=A"),
        path.replace(gpt.id(), stranger.id()),
        format!(
            "{}signature=AAAAAAAAAAAAAAAAAAAAAAAA",
            path.split("signature=").next().unwrap()
        ),
    ] {
        let refused = app.call(Method::PUT, &forged).bytes("abc").await;
        refused.expect(403).problem("forbidden");
    }
    app.call(Method::PUT, &path).bytes("abc").await.expect(200);
    let too_large = app
        .raw(format!(
            "PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 67108865\r\n\r\n"
        ))
        .await
        .unwrap();
    too_large.expect(400).problem("file-too-large");
}
