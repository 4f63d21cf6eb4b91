//! `get_file`: what is known of a file, while it is there.

use std::time::Duration;

use crate::support::app::App;

on_both!(knows_only_what_is_there);
async fn knows_only_what_is_there(app: App) {
    let gpt = app.gpt().await;
    let never = "file-0198c2f47b1e7c339f0a3d5e2b1c4a60";
    gpt.get_file(never)
        .await
        .expect(404)
        .problem("file-not-found");
    gpt.get_file("17").await.refuses("file_id");
    let id = gpt.has_file("abc").await;
    gpt.get_file(&id).await.expect(200);
    let stranger = app.gpt().await;
    stranger
        .get_file(&id)
        .await
        .expect(403)
        .problem("forbidden");
    gpt.delete_file(&id).await.expect(200);
    gpt.get_file(&id)
        .await
        .expect(404)
        .problem("file-not-found");
    let gone = stranger.get_file(&id).await.expect(404);
    gone.problem("file-not-found");
}

on_both!(a_file_is_hidden_the_second_it_expires);
async fn a_file_is_hidden_the_second_it_expires(app: App) {
    let gpt = app.gpt().await;
    let file = gpt
        .create_file("a.txt", "abc")
        .member("expires_in", 1)
        .await;
    let file = file.expect(200);
    assert_eq!(file.number("expires_at") - file.number("created_at"), 1);
    let id = file.string("id");
    tokio::time::sleep(Duration::from_millis(1050)).await;
    gpt.get_file(&id)
        .await
        .expect(404)
        .problem("file-not-found");
    gpt.get_file_content(&id).await.expect(404);
    gpt.delete_file(&id).await.expect(404);
    assert!(gpt.file_ids().await.is_empty());
    app.gpt().await.get_file(&id).await.expect(404);
}
