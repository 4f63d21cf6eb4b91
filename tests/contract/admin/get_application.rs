//! `get_application`.

use crate::support::app::App;
use crate::support::operator::NO_APPLICATION;
use crate::support::snapshot::assert_problem;

on_both!(shows_an_application_without_its_secret);
async fn shows_an_application_without_its_secret(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    let mut made = operator.has_application(&gpt).await.json().clone();
    made.as_object_mut().unwrap().remove("client_secret");
    let found = operator.get_application(made["client_id"].as_str().unwrap());
    assert_eq!(*found.await.expect(200).json(), made);
}

on_both!(what_is_not_there_is_not_found);
async fn what_is_not_there_is_not_found(app: App) {
    let operator = app.administrator().await;
    let none = operator.get_application(NO_APPLICATION).await.expect(404);
    assert_problem(
        "application_not_found",
        &none.problem("application-not-found"),
    );
    let malformed = operator.get_application("app_short").await;
    malformed.refuses("client_id");
}
