//! The consent page: what it says, whose key it takes, and who cannot send its form.

use gpt_object_store::clock::Timestamp;

use crate::support::app::App;
use crate::support::oauth::{Page, parameter, sent_back};

on_both!(the_page_says_who_asks_for_what);
async fn the_page_says_who_asks_for_what(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let page = application
        .page(&application.request().with("scope", "objects:read"))
        .await;
    let text = page.answer.text();
    for said in [
        "Notes &amp; more",
        gpt.id(),
        "Read documents",
        "client.example",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    assert!(
        !text.contains("Create, change") && !text.contains("<script"),
        "{text}"
    );
    let header = |name| page.answer.header(name).unwrap();
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("referrer-policy"), "no-referrer");
    let policy = header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self' https://client.example;",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    let cookie = header("set-cookie");
    assert!(cookie.ends_with("HttpOnly; SameSite=Strict"), "{cookie}");
}

on_both!(a_person_may_say_no);
async fn a_person_may_say_no(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let page = application.page(&application.request()).await;
    let back = sent_back(&application.decide(&page, "cancel", "").await);
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("a state & more"));
    assert_eq!(parameter(&back, "code"), None);
}

on_both!(only_a_good_key_of_the_gpt_allows_it);
async fn only_a_good_key_of_the_gpt_allows_it(app: App) {
    let gpt = app.gpt().await;
    let id = gpt.id().parse().unwrap();
    let application = app.application(&gpt).await;
    let anothers = app.gpt().await;
    let operators = app.key(None, "admin", None).await;
    let expired = app
        .key(Some(&id), "objects:read", Some(Timestamp::now()))
        .await;
    let revoked = app.key(Some(&id), "objects:read", None).await;
    let unfit = app.key(Some(&id), "files:read", None).await;
    app.operator()
        .await
        .revoke_key(&revoked.row.id)
        .await
        .unwrap();
    let token = application.tokens().await.string("access_token");
    let page = application.page(&application.request()).await;
    for (key, told) in [
        ("", "Enter the key"),
        ("nonsense", "copied whole"),
        (&gpt.key()[..40], "copied whole"),
        (&token, "copied whole"),
        (anothers.key(), "another GPT"),
        (operators.key.reveal(), "operator"),
        (expired.key.reveal(), "has expired"),
        (revoked.key.reveal(), "was revoked"),
        (unfit.key.reveal(), "nothing of what is asked for"),
    ] {
        let answer = application.decide(&page, "allow", key).await.expect(403);
        let text = answer.text();
        let alert = text.split_once("role=\"alert\">").unwrap().1;
        assert!(
            alert.split('<').next().unwrap().contains(told),
            "{told}: {text}"
        );
        assert!(text.contains(" autofocus"), "{text}");
        assert!(
            key.is_empty() || !text.contains(key),
            "a key never comes back"
        );
    }
    let answer = application
        .decide(&page, "allow", &format!(" {}\n", gpt.key()))
        .await;
    assert!(parameter(&sent_back(&answer), "code").is_some());
}

on_both!(a_token_never_allows_more_than_the_key);
async fn a_token_never_allows_more_than_the_key(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.id().parse().unwrap();
    let application = app.application(&gpt).await;
    let reader = app.key(Some(&id), "objects:read files:read", None).await;
    let page = application.page(&application.request()).await;
    let answer = application
        .decide(&page, "allow", reader.key.reveal())
        .await;
    let code = parameter(&sent_back(&answer), "code").unwrap();
    let tokens = application
        .token(&application.exchange(&code))
        .await
        .expect(200);
    assert_eq!(tokens["scope"], "objects:read");
    let holder = gpt.with_key(&tokens.string("access_token"));
    holder.list_objects("notes").await.expect(200);
    holder
        .create_object("notes", serde_json::json!({}))
        .await
        .expect(403);
    // It ends with the key.
    app.operator()
        .await
        .revoke_key(&reader.row.id)
        .await
        .unwrap();
    let refreshed = application.token(&application.refresh(&tokens.string("refresh_token")));
    assert_eq!(refreshed.await.expect(400)["error"], "invalid_grant");
}

on_both!(no_other_page_can_send_the_form);
async fn no_other_page_can_send_the_form(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let page = application.page(&application.request()).await;
    let key = gpt.key();
    // As a browser tells of another site's page.
    for site in ["cross-site", "same-site", "none"] {
        let form = application.decide(&page, "allow", key);
        form.header("sec-fetch-site", site).await.expect(403);
    }
    let forged = |ticket: &str| Page {
        ticket: ticket.to_owned(),
        cookie: page.cookie.clone(),
        answer: page.answer.clone(),
    };
    for ticket in [
        "",
        "nonsense",
        &page.ticket[1..],
        &format!("{}x", page.ticket),
    ] {
        application
            .decide(&forged(ticket), "allow", key)
            .await
            .expect(400);
    }
    // A ticket that somebody else was given, without the cookie that came with it: asked again.
    let victim = Page {
        cookie: application.page(&application.request()).await.cookie,
        ..forged(&page.ticket)
    };
    let again = application.decide(&victim, "allow", key).await.expect(400);
    assert!(again.text().contains("waited too long"), "{again}");
    assert_eq!(again.header("location"), None);
    let answer = application.decide(&page, "allow", key).await;
    assert!(parameter(&sent_back(&answer), "code").is_some());
}

on_both!(an_application_that_was_revoked_meanwhile_gets_nothing);
async fn an_application_that_was_revoked_meanwhile_gets_nothing(app: App) {
    let gpt = app.gpt().await;
    let application = app.application(&gpt).await;
    let page = application.page(&application.request()).await;
    app.revoke(&application).await;
    let answer = application
        .decide(&page, "allow", gpt.key())
        .await
        .expect(400);
    assert_eq!(answer.header("location"), None);
}
