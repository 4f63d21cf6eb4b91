//! `delete_file`: gone at once, and only for its owner to do.

use std::future::IntoFuture;

use futures::future::join_all;

use crate::support::answer::Answer;
use crate::support::app::App;

on_both!(a_deleted_file_is_gone);
async fn a_deleted_file_is_gone(app: App) {
    let gpt = app.gpt().await;
    let (id, kept) = (gpt.has_file("abc").await, gpt.has_file("def").await);
    app.gpt().await.delete_file(&id).await.expect(403);
    let deleted = gpt.delete_file(&id).await.expect(200);
    assert_eq!(deleted["id"], id.as_str());
    assert_eq!(
        (&deleted["object"], &deleted["deleted"]),
        (&"file".into(), &true.into())
    );
    for call in [
        gpt.get_file(&id),
        gpt.get_file_content(&id),
        gpt.delete_file(&id),
    ] {
        call.await.expect(404).problem("file-not-found");
    }
    assert_eq!(gpt.file_ids().await, std::slice::from_ref(&kept));
    gpt.get_file_content(&kept).await.expect(200);
}

on_both!(of_many_who_delete_one_does);
async fn of_many_who_delete_one_does(app: App) {
    let gpt = app.gpt().await;
    let id = gpt.has_file("abc").await;
    let answers = join_all((0..8).map(|_| gpt.delete_file(&id).into_future())).await;
    let mut statuses: Vec<_> = answers.iter().map(Answer::status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404, 404, 404, 404, 404, 404, 404]);
    // It was counted once, too.
    let emptied = "DELETE FROM file_usage WHERE gpt_id = $1 AND files = 0 AND bytes = 0";
    assert_eq!(app.database().await.execute(emptied, gpt.id()).await, 1);
}
