//! `list_applications`: oldest first, of one GPT or of all.

use crate::support::app::App;

on_both!(lists_the_applications_of_a_gpt_page_by_page);
async fn lists_the_applications_of_a_gpt_page_by_page(app: App) {
    let operator = app.administrator().await;
    let (gpt, other) = (operator.has_gpt().await, operator.has_gpt().await);
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(operator.has_application(&gpt).await.string("client_id"));
    }
    let foreign = operator.has_application(&other).await.string("client_id");
    operator.revoke_application(&made[0]).await.expect(200);
    let of_gpt = || {
        operator
            .list_applications()
            .query("gpt_id", &gpt)
            .query("limit", 2)
    };
    assert_eq!(operator.walk("client_id", of_gpt).await, made);
    let all = || operator.list_applications().query("limit", 200);
    let all = operator.walk("client_id", all).await;
    assert!(all.contains(&foreign) && all.contains(&made[2]));
}
