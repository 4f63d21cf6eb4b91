//! Authorization codes: good once, for who asked.

use crate::support::answer::Answer;
use crate::support::app::App;
use crate::support::oauth::REDIRECT_URI;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[track_caller]
fn is_invalid_grant(answer: Answer) {
    let answer = answer.expect(400);
    assert_eq!(answer["error"], "invalid_grant", "{answer}");
}

on_both!(a_code_that_comes_twice_ends_its_session);
async fn a_code_that_comes_twice_ends_its_session(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let code = application.code(&application.request()).await;
    let exchange = application.exchange(&code);
    let tokens = application.token(&exchange).await.expect(200);
    let access_token = tokens.string("access_token");
    assert_eq!(application.status(&access_token).await, 200);
    is_invalid_grant(application.token(&exchange).await);
    assert_eq!(application.status(&access_token).await, 401);
    let refresh = application.refresh(&tokens.string("refresh_token"));
    is_invalid_grant(application.token(&refresh).await);
}

on_both!(a_code_is_good_for_the_client_that_asked);
async fn a_code_is_good_for_the_client_that_asked(app: App) {
    let gpt = app.gpt().await;
    let asked = app.application(&gpt).await;
    let stranger = app.application(&app.gpt().await).await;
    let neighbour = app.application(&gpt).await;
    let code = asked.code(&asked.request()).await;
    for other in [&stranger, &neighbour] {
        is_invalid_grant(other.token(&other.exchange(&code)).await);
    }
    // It did no harm to the code, nor, after it was used, to its session.
    let tokens = asked.token(&asked.exchange(&code)).await.expect(200);
    is_invalid_grant(neighbour.token(&neighbour.exchange(&code)).await);
    assert_eq!(asked.status(&tokens.string("access_token")).await, 200);
}

on_both!(a_stolen_code_is_no_use_without_the_verifier);
async fn a_stolen_code_is_no_use_without_the_verifier(app: App) {
    let gpt = app.gpt().await;
    let application = app.public_application(&gpt, &[REDIRECT_URI]).await;
    let code = application.code(&application.request_with(VERIFIER)).await;
    let exchange = application.exchange(&code);
    is_invalid_grant(application.token(&exchange).await);
    let wrong = exchange.clone().with("code_verifier", &"w".repeat(43));
    is_invalid_grant(application.token(&wrong).await);
    let right = exchange.with("code_verifier", VERIFIER);
    application.token(&right).await.expect(200);
}

on_both!(nobody_can_take_the_challenge_away);
async fn nobody_can_take_the_challenge_away(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    // The client sent a challenge, which somebody took out of the request.
    let code = application.code(&application.request()).await;
    let exchange = application.exchange(&code).with("code_verifier", VERIFIER);
    is_invalid_grant(application.token(&exchange).await);
    // A confidential client that sends one must prove it, too.
    let code = application.code(&application.request_with(VERIFIER)).await;
    is_invalid_grant(application.token(&application.exchange(&code)).await);
}

on_both!(a_code_is_exchanged_for_the_address_that_it_was_sent_to);
async fn a_code_is_exchanged_for_the_address_that_it_was_sent_to(app: App) {
    let gpt = app.gpt().await;
    let other = "https://client.example/other";
    let application = app.application_at(&gpt, &[REDIRECT_URI, other]).await;
    let code = application.code(&application.request()).await;
    let exchange = application.exchange(&code);
    is_invalid_grant(
        application
            .token(&exchange.clone().with("redirect_uri", other))
            .await,
    );
    let without = application
        .token(&exchange.clone().without("redirect_uri"))
        .await;
    assert_eq!(without.expect(400)["error"], "invalid_request");
    application.token(&exchange).await.expect(200);
}

on_both!(what_is_no_code_is_refused);
async fn what_is_no_code_is_refused(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let code = application.code(&application.request()).await;
    let mut changed = code.clone();
    changed.replace_range(10..11, if &code[10..11] == "0" { "1" } else { "0" });
    for wrong in [&changed, &code[..40], "goc_", "\0", gpt.key()] {
        is_invalid_grant(application.token(&application.exchange(wrong)).await);
    }
}
