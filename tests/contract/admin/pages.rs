//! What the operator's lists have in common, and what pages of other origins see of them: nothing.

use reqwest::Method;

use crate::support::app::App;

on_both!(a_cursor_is_good_for_its_list_and_filters);
async fn a_cursor_is_good_for_its_list_and_filters(app: App) {
    let operator = app.administrator().await;
    let gpt = operator.has_gpt().await;
    for _ in 0..2 {
        operator.has_key(&gpt).await;
    }
    let of_gpt = || operator.list_keys().query("gpt_id", &gpt).query("limit", 1);
    let cursor = of_gpt().await.expect(200).string("next_cursor");
    of_gpt().query("cursor", &cursor).await.expect(200);
    let mut changed = cursor.clone();
    changed.insert(0, 'A');
    for call in [
        operator.list_keys().query("cursor", &cursor),
        operator
            .list_keys()
            .query("gpt_id", "other")
            .query("cursor", &cursor),
        operator.list_gpts().query("cursor", &cursor),
        operator.list_audit_entries().query("cursor", &cursor),
        of_gpt().query("cursor", &changed),
        of_gpt().query("cursor", "nonsense"),
    ] {
        call.await.expect(400).problem("invalid-cursor");
    }
}

on_both!(pages_of_other_origins_see_nothing);
async fn pages_of_other_origins_see_nothing(app: App) {
    let operator = app.administrator().await;
    let from_page = |call: crate::support::http::Call| call.header("origin", "https://a.example");
    let preflight = from_page(app.call(Method::OPTIONS, "/admin/v1/gpts"))
        .header("access-control-request-method", "GET")
        .await;
    let answered = from_page(operator.list_gpts().query("limit", 1)).await;
    for answer in [preflight.expect(405), answered.expect(200)] {
        let headers = answer.headers().into_iter();
        let cors = headers.filter(|(name, _)| name.starts_with("access-control-"));
        assert_eq!(cors.collect::<Vec<_>>(), [], "{answer}");
    }
}

on_both!(a_method_that_is_not_there_names_those_that_are);
async fn a_method_that_is_not_there_names_those_that_are(app: App) {
    let operator = app.administrator().await;
    let refused = operator.call(Method::PUT, "gpts").await.expect(405);
    assert_eq!(refused.header("allow").as_deref(), Some("POST, GET"));
    let nothing = operator.call(Method::GET, "nothing").await;
    nothing.expect(404).problem("not-found");
}
