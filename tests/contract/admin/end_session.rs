//! `end_session`.

use uuid::Uuid;

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(ends_a_session_once);
async fn ends_a_session_once(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let application = operator.has_application(&gpt).await.string("client_id");
    let id = app.database().await.open_session(&application).await;
    let ended = operator.end_session(&id).await.expect(200);
    assert_eq!(
        (&ended["id"], &ended["application"]),
        (&id.as_str().into(), &application.as_str().into())
    );
    assert!(
        ended["ended_at"].is_string() && ended["end_reason"].is_string(),
        "{ended}"
    );
    let again = operator.end_session(&id).await.expect(200);
    assert_eq!(again["ended_at"], ended["ended_at"]);
}

on_both!(what_is_not_there_is_not_found);
async fn what_is_not_there_is_not_found(app: App) {
    let operator = app.administrator().await;
    let none = operator.end_session(&Uuid::nil().to_string()).await;
    assert_problem(
        "session_not_found",
        &none.expect(404).problem("session-not-found"),
    );
    operator.end_session("no-uuid").await.refuses("session_id");
}
