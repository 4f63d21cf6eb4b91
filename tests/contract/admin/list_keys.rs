//! `list_keys`: oldest first, of one GPT or of all.

use crate::support::app::App;

on_both!(lists_the_keys_of_a_gpt_page_by_page);
async fn lists_the_keys_of_a_gpt_page_by_page(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(operator.has_key(&gpt).await.string("id"));
    }
    operator.revoke_key(&made[1]).await.expect(200);
    let of_gpt = || operator.list_keys().query("gpt_id", &gpt).query("limit", 2);
    assert_eq!(operator.walk("id", of_gpt).await, made);
    let none = operator.list_keys().query("gpt_id", "nobody-at-all");
    let none = none.await.expect(200);
    assert!(none.items().is_empty() && none["next_cursor"].is_null());
    let gpt_id = operator.list_keys().query("gpt_id", "no/slash").await;
    gpt_id.refuses("gpt_id");
}

on_both!(lists_all_keys_operators_too);
async fn lists_all_keys_operators_too(app: App) {
    let operator = app.administrator().await;
    let made = operator.has_key(app.gpt().await.id()).await.string("id");
    let all = || operator.list_keys().query("limit", 200);
    let listed = operator.walk("id", all).await;
    assert!(listed.contains(&made) && listed.is_sorted());
    let first = all().await.expect(200);
    let is_operators = |key: &&serde_json::Value| key["scopes"] == serde_json::json!(["admin"]);
    assert!(first.items().iter().any(|key| is_operators(&key)) || listed.len() > 200);
}
