//! `update_gpt`: another name.

use crate::support::app::App;

on_both!(renames_a_gpt_and_nothing_else);
async fn renames_a_gpt_and_nothing_else(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt_with_notes().await;
    let before = operator.get_gpt(gpt.id()).await.expect(200);
    let after = operator.update_gpt(gpt.id(), "Ümläut").await.expect(200);
    assert_eq!(after["name"], "Ümläut");
    for member in ["id", "created_at"] {
        assert_eq!(after[member], before[member]);
    }
    assert_eq!(operator.get_gpt(gpt.id()).await.json(), after.json());
    gpt.get_collection("notes").await.expect(200);
}

on_both!(refuses_what_is_no_name);
async fn refuses_what_is_no_name(app: App) {
    let operator = app.administrator().await;
    let id = operator.has_gpt().await;
    for name in [&"x".repeat(201), "a\u{7}"] {
        operator.update_gpt(&id, name).await.refuses("/name");
    }
    let nameless = operator.update_gpt(&id, "").without("name");
    nameless.await.expect(400);
    let none = operator.update_gpt("nobody-at-all", "name").await;
    none.expect(404).problem("gpt-not-found");
}
