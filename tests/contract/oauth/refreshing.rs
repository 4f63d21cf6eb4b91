//! Refresh tokens: each is good once, and two holders of one are none.

use crate::support::answer::Answer;
use crate::support::app::App;

#[track_caller]
fn is_refused(answer: Answer, error: &str) {
    let answer = answer.expect(400);
    assert_eq!(answer["error"], error, "{answer}");
}

on_both!(a_refresh_token_that_comes_twice_ends_its_session);
async fn a_refresh_token_that_comes_twice_ends_its_session(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let first = application.tokens().await.string("refresh_token");
    let second = application
        .token(&application.refresh(&first))
        .await
        .expect(200);
    let third = application.refresh(&second.string("refresh_token"));
    let third = application.token(&third).await.expect(200);
    assert_eq!(application.status(&third.string("access_token")).await, 200);
    is_refused(
        application.token(&application.refresh(&first)).await,
        "invalid_grant",
    );
    assert_eq!(application.status(&third.string("access_token")).await, 401);
    let fourth = application.refresh(&third.string("refresh_token"));
    is_refused(application.token(&fourth).await, "invalid_grant");
}

on_both!(a_refresh_token_is_good_for_its_client);
async fn a_refresh_token_is_good_for_its_client(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let token = application.tokens().await.string("refresh_token");
    for gpt in [&gpt, &app.gpt().await] {
        let other = app.application(gpt).await;
        is_refused(other.token(&other.refresh(&token)).await, "invalid_grant");
    }
    let nobody = application.post("/oauth/token", &application.refresh(&token));
    assert_eq!(nobody.await.expect(401)["error"], "invalid_client");
    application
        .token(&application.refresh(&token))
        .await
        .expect(200);
}

on_both!(a_scope_may_only_narrow);
async fn a_scope_may_only_narrow(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let code = application
        .code(&application.request().with("scope", "objects:read"))
        .await;
    let tokens = application
        .token(&application.exchange(&code))
        .await
        .expect(200);
    assert_eq!(tokens["scope"], "objects:read");
    let refresh = application.refresh(&tokens.string("refresh_token"));
    let wider = refresh.clone().with("scope", "objects:read objects:write");
    is_refused(application.token(&wider).await, "invalid_scope");
    // It did no harm to the token.
    let same = application
        .token(&refresh.with("scope", "objects:read"))
        .await
        .expect(200);
    assert_eq!(same["scope"], "objects:read");
}

on_both!(of_two_at_once_one_is_refused);
async fn of_two_at_once_one_is_refused(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let token = application.tokens().await.string("refresh_token");
    let form = application.refresh(&token);
    let (one, other) = futures::join!(
        application.token(&form).into_future(),
        application.token(&form).into_future()
    );
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}
