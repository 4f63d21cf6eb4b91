//! `get_gpt`.

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(shows_one_gpt);
async fn shows_one_gpt(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    let found = operator.get_gpt(gpt.id()).await.expect(200);
    assert_eq!(found["id"], gpt.id());
    assert_eq!(found["name"], "a test's");
}

on_both!(what_is_not_there_is_not_found);
async fn what_is_not_there_is_not_found(app: App) {
    let operator = app.administrator().await;
    let none = operator.get_gpt("nobody-at-all").await.expect(404);
    assert_problem("gpt_not_found", &none.problem("gpt-not-found"));
    operator.get_gpt("-no-id").await.refuses("gpt_id");
}
