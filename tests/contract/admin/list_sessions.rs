//! `list_sessions`: the latest first, of a GPT, an application, or all.

use crate::support::app::App;

on_both!(lists_sessions_by_gpt_and_application);
async fn lists_sessions_by_gpt_and_application(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let application = operator.has_application(&gpt).await.string("client_id");
    let other = operator.has_application(&gpt).await.string("client_id");
    let mut database = app.database().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(database.open_session(&application).await);
    }
    let foreign = database.open_session(&other).await;
    let of_application = || {
        operator
            .list_sessions()
            .query("application", &application)
            .query("limit", 2)
    };
    let mut listed = operator.walk("id", of_application).await;
    listed.sort_unstable();
    made.sort_unstable();
    assert_eq!(listed, made);
    let of_gpt = operator.list_sessions().query("gpt_id", &gpt).await;
    assert_eq!(of_gpt.items().len(), 4);
    assert!(
        of_gpt
            .items()
            .iter()
            .all(|session| session["gpt_id"] == gpt.as_str())
    );

    operator.end_session(&foreign).await.expect(200);
    let alive = operator
        .list_sessions()
        .query("gpt_id", &gpt)
        .query("alive", true);
    assert_eq!(alive.await.items().len(), 3);
    let malformed = operator
        .list_sessions()
        .query("application", "nobody")
        .await;
    malformed.refuses("application");
}
