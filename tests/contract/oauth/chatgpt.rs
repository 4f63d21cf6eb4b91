//! The steps that ChatGPT takes for a GPT with OAuth, as its documentation and reports tell.

use serde_json::json;

use crate::support::app::App;
use crate::support::oauth::{Form, parameter, sent_back};

/// The id in the callback is longer than the one in the GPT's address.
const CALLBACKS: [&str; 2] = [
    "https://chat.openai.com/aip/g-0123456789abcdef0123456789abcdef01234567/oauth/callback",
    "https://chatgpt.com/aip/g-0123456789abcdef0123456789abcdef01234567/oauth/callback",
];

on_both!(chatgpt_signs_in_calls_and_renews);
async fn chatgpt_signs_in_calls_and_renews(app: App) {
    let gpt = app.gpt_with_notes().await;
    let application = app.application_at(&gpt, &CALLBACKS).await;
    for callback in CALLBACKS {
        for in_header in [false, true] {
            // No PKCE; the scope may be empty; the state is its own.
            let request = Form::new([
                ("response_type", "code"),
                ("client_id", &application.client_id),
                ("redirect_uri", callback),
                ("scope", ""),
                ("state", "oauth_s_01H~-._/+="),
            ]);
            let page = application.page(&request).await;
            let policy = page.answer.header("content-security-policy").unwrap();
            // One of its hosts sends on to the other.
            let both = "form-action 'self' https://chat.openai.com https://chatgpt.com;";
            assert!(policy.contains(both), "{policy}");
            let back = sent_back(&application.decide(&page, "allow", gpt.key()).await);
            assert!(back.as_str().starts_with(callback), "{back}");
            assert_eq!(
                parameter(&back, "state").as_deref(),
                Some("oauth_s_01H~-._/+=")
            );
            let code = parameter(&back, "code").unwrap();
            let exchange = Form::new([
                ("grant_type", "authorization_code"),
                ("client_id", &application.client_id),
                ("code", &code),
                ("redirect_uri", callback),
            ]);
            let send = |form: &Form| {
                if in_header {
                    let call = application.post("/oauth/token", form);
                    call.header("authorization", application.basic())
                } else {
                    application.token(form)
                }
            };
            let tokens = send(&exchange).await.expect(200);
            let kind = tokens.string("token_type");
            assert!(kind.eq_ignore_ascii_case("bearer"), "{tokens}");
            assert!(
                tokens["expires_in"]
                    .as_u64()
                    .is_some_and(|seconds| seconds > 0)
            );
            let holder = gpt.with_key(&tokens.string("access_token"));
            holder
                .create_object("notes", json!({ "a": 1 }))
                .await
                .expect(201);
            let renewed = send(&application.refresh(&tokens.string("refresh_token")));
            let renewed = renewed.await.expect(200);
            let holder = gpt.with_key(&renewed.string("access_token"));
            holder.list_objects("notes").await.expect(200);
        }
    }
}
