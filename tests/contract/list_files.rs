//! `list_files`: pages in OpenAI's envelope.

use crate::support::actor::ids;
use crate::support::app::App;

on_both!(pages_follow_the_last_id);
async fn pages_follow_the_last_id(app: App) {
    let gpt = app.gpt().await;
    let empty = gpt.list_files().await.expect(200);
    assert_eq!(empty["object"], "list");
    assert!(empty["first_id"].is_null() && empty["last_id"].is_null());
    assert_eq!(empty["has_more"], false);
    let mut files = Vec::new();
    for number in 0..5 {
        files.push(gpt.has_file(&number.to_string()).await);
    }
    let walk = async |order: &str| {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut call = gpt.list_files().query("limit", 2).query("order", order);
            if let Some(after) = &after {
                call = call.query("after", after);
            }
            let page = call.await.expect(200);
            let data = ids(page["data"].as_array().unwrap());
            assert_eq!(page.string("first_id"), data[0]);
            after = Some(page.string("last_id"));
            assert_eq!(after.as_ref(), data.last());
            found.extend(data);
            if page["has_more"] == false {
                return found;
            }
        }
    };
    assert_eq!(walk("asc").await, files);
    files.reverse();
    assert_eq!(walk("desc").await, files);
    assert_eq!(gpt.file_ids().await, files);
    assert!(app.gpt().await.file_ids().await.is_empty());
}

on_both!(a_page_goes_on_after_a_file_that_was_deleted);
async fn a_page_goes_on_after_a_file_that_was_deleted(app: App) {
    let gpt = app.gpt().await;
    let older = gpt.has_file("1").await;
    let newer = gpt.has_file("2").await;
    gpt.delete_file(&newer).await.expect(200);
    let page = gpt.list_files().query("after", &newer).await.expect(200);
    assert_eq!(ids(page["data"].as_array().unwrap()), [older]);
    let stranger = app.gpt().await;
    stranger
        .list_files()
        .query("after", &newer)
        .await
        .refuses("after");
    let never = "file-0198c2f47b1e7c339f0a3d5e2b1c4a60";
    gpt.list_files()
        .query("after", never)
        .await
        .refuses("after");
    gpt.list_files().query("after", "x").await.refuses("after");
}

on_both!(files_are_found_by_their_purpose);
async fn files_are_found_by_their_purpose(app: App) {
    let gpt = app.gpt().await;
    gpt.has_file("1").await;
    let batch = gpt.create_file("b.jsonl", "2").member("purpose", "batch");
    let batch = batch.await.expect(200).string("id");
    let page = gpt.list_files().query("purpose", "batch").await.expect(200);
    assert_eq!(ids(page["data"].as_array().unwrap()), [batch]);
    let none = gpt
        .list_files()
        .query("purpose", "vision")
        .await
        .expect(200);
    assert_eq!(none["data"].as_array().unwrap().len(), 0);
    for purpose in ["nothing of ours", "\0", ""] {
        let refused = gpt.list_files().query("purpose", purpose).await;
        refused.refuses("purpose");
    }
    gpt.list_files().query("limit", 0).await.refuses("limit");
}
