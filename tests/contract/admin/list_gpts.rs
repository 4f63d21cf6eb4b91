//! `list_gpts`: all of them, by id.

use crate::support::app::App;

on_both!(lists_all_by_id_page_by_page);
async fn lists_all_by_id_page_by_page(app: App) {
    let operator = app.administrator().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(operator.has_gpt().await);
    }
    made.sort_unstable();
    let pages = || operator.list_gpts().query("limit", 150);
    let mut listed = operator.walk("id", pages).await;
    assert!(listed.len() >= 3 && listed.is_sorted(), "{listed:?}");
    listed.retain(|id| made.contains(id));
    assert_eq!(listed, made);
    let one = operator.list_gpts().query("limit", 1).await.expect(200);
    assert_eq!((one.items().len(), &one["has_more"]), (1, &true.into()));
}
