//! A walk over every operation of the document with keys that must not work.

use std::time::Duration;

use gpt_object_store::auth::ApiKey;
use gpt_object_store::clock::Timestamp;
use gpt_object_store_openapi::Operation;
use reqwest::Method;
use uuid::Uuid;

use crate::support::answer::Answer;
use crate::support::app::App;
use crate::support::conformance;
use crate::support::snapshot::assert_problem;

use super::requests::{NO_FILE, NO_UPLOAD, Target, call, secured, target};

#[track_caller]
fn assert_unauthorized(answer: Answer, of: &str, has_token: bool) {
    let answer = answer.expect(401).problem("unauthorized");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer "), "{of}: {challenge}");
    // RFC 6750, 3.1: who sent no credentials is told no error code.
    assert_eq!(
        challenge.contains("error=\"invalid_token\""),
        has_token,
        "{of}: {challenge}"
    );
}

on_both!(without_a_good_key_every_operation_answers_401);
async fn without_a_good_key_every_operation_answers_401(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.id().parse().unwrap();
    let target = target(&gpt).await;
    let unknown = ApiKey::generate().unwrap();
    let expired = app
        .key(
            Some(&id),
            "objects:read objects:write",
            Some(Timestamp::now()),
        )
        .await;
    let revoked = app.key(Some(&id), "objects:read objects:write", None).await;
    let operator = app.operator().await;
    let revoked_row = operator.revoke_key(&revoked.row.id).await.unwrap();
    assert!(revoked_row.is_some());
    let mut mistyped = gpt.key().to_owned();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == 'a' { 'b' } else { 'a' });

    for operation in secured() {
        let of = operation.operation_id.as_str();
        assert_unauthorized(call(&app, operation, &target).await, of, false);
        for (what, key) in [
            ("malformed", "nonsense"),
            ("cut", &gpt.key()[..20]),
            ("mistyped", &mistyped),
            ("unknown", unknown.reveal()),
            ("expired", expired.key.reveal()),
            ("revoked", revoked.key.reveal()),
        ] {
            let answer = call(&app, operation, &target).key(key).await;
            assert_unauthorized(answer, &format!("{of}, {what}"), true);
        }
    }
    assert_eq!(
        gpt.get_object(&target.object)
            .await
            .expect(200)
            .number("version"),
        1
    );
}

on_both!(only_the_bearer_scheme_is_taken);
async fn only_the_bearer_scheme_is_taken(app: App) {
    let gpt = app.gpt().await;
    let limits = |authorization: String| {
        app.call(Method::GET, "/v1/limits")
            .header("authorization", authorization)
    };
    for authorization in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        gpt.key().to_owned(),
        format!("Basic {}", gpt.key()),
        format!("Token {}", gpt.key()),
        format!("Bearer {} {}", gpt.key(), gpt.key()),
        format!("Bearer x{}", gpt.key()),
    ] {
        let answer = limits(authorization.clone()).await;
        assert_eq!(answer.status(), 401, "{authorization}\n{answer}");
    }
    // The scheme's case does not matter (RFC 9110, 11.1).
    limits(format!("bearer {}", gpt.key())).await.expect(200);
    let in_query = app
        .call(Method::GET, "/v1/limits")
        .query("access_token", gpt.key());
    in_query.await.expect(401);
    assert_problem(
        "unauthorized_missing",
        &app.call(Method::GET, "/v1/limits").await,
    );
    assert_problem(
        "unauthorized_malformed",
        &app.call(Method::GET, "/v1/limits").key("nonsense").await,
    );
}

on_both!(without_its_scope_every_operation_answers_403);
async fn without_its_scope_every_operation_answers_403(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.id().parse().unwrap();
    let target = target(&gpt).await;
    let all = [
        "objects:read",
        "objects:write",
        "storage:read",
        "storage:write",
        "files:read",
        "files:write",
    ];
    for operation in secured() {
        let scope = operation
            .required_scope
            .as_deref()
            .expect("an operation with security has x-required-scope");
        if scope == "any" {
            continue;
        }
        let others: Vec<_> = all.into_iter().filter(|other| *other != scope).collect();
        let key = app.key(Some(&id), &others.join(" "), None).await;
        let refused = call(&app, operation, &target)
            .key(key.key.reveal())
            .await
            .expect(403)
            .problem("forbidden");
        assert!(refused.string("detail").contains(scope), "{refused}");
        let owner = Some(&id).filter(|_| scope != "admin");
        let key = app.key(owner, scope, None).await;
        let wrong_body = call(&app, operation, &target)
            .key(key.key.reveal())
            .query("colour", "red")
            .await;
        wrong_body.refuses("colour");
    }
    assert_eq!(
        gpt.get_object(&target.object)
            .await
            .expect(200)
            .number("version"),
        1
    );
}

on_both!(an_operators_key_has_no_data);
async fn an_operators_key_has_no_data(app: App) {
    let gpt = app.gpt_with_notes().await;
    let target = target(&gpt).await;
    let operator = app
        .key(None, "admin objects:read objects:write", None)
        .await;
    for operation in secured().filter(|operation| !conformance::is_operators(operation)) {
        let answer = call(&app, operation, &target)
            .key(operator.key.reveal())
            .await;
        let may_answer = operation.required_scope.as_deref() == Some("any");
        assert!(
            answer.status() == 403 || (may_answer && answer.status() == 200),
            "{answer}"
        );
    }
}

on_both!(a_gpts_key_operates_nothing_whatever_its_scopes);
async fn a_gpts_key_operates_nothing_whatever_its_scopes(app: App) {
    let gpt = app.gpt_with_notes().await;
    let target = target(&gpt).await;
    // Nobody issues such a key; this is the last line behind those who refuse to.
    let widened = "UPDATE api_keys SET scopes = 'admin objects:read' WHERE gpt_id = $1";
    let id = gpt.id().parse().unwrap();
    let key = app.key(Some(&id), "objects:read", None).await;
    assert!(app.database().await.execute(widened, gpt.id()).await > 0);
    for operation in secured().filter(|operation| conformance::is_operators(operation)) {
        let refused = call(&app, operation, &target).key(key.key.reveal()).await;
        refused.expect(403).problem("forbidden");
    }
}

on_both!(anothers_gpt_id_is_forbidden);
async fn anothers_gpt_id_is_forbidden(app: App) {
    let (gpt, stranger) = (app.gpt_with_notes().await, app.gpt_with_notes().await);
    let target = target(&gpt).await;
    let nobody = Target {
        gpt_id: "nobody-at-all".to_owned(),
        ..target.clone()
    };
    for operation in secured().filter(|operation| operation.path.contains("{gpt_id}")) {
        let refused = call(&app, operation, &target)
            .key(stranger.key())
            .await
            .expect(403)
            .problem("forbidden");
        let never = call(&app, operation, &nobody)
            .key(stranger.key())
            .await
            .expect(403);
        assert_eq!(
            anonymous(&refused),
            anonymous(&never),
            "whether a GPT exists is nobody else's business"
        );
    }
    assert_problem(
        "forbidden",
        &stranger.with_id(gpt.id()).list_collections().await,
    );
    assert_eq!(
        gpt.walk(|| gpt.list_objects("notes")).await,
        [target.object]
    );
}

on_both!(anothers_object_is_as_if_it_were_not);
async fn anothers_object_is_as_if_it_were_not(app: App) {
    let (gpt, stranger) = (app.gpt_with_notes().await, app.gpt_with_notes().await);
    let theirs = target(&gpt).await;
    let deleted = target(&stranger).await;
    stranger.delete_object(&deleted.object).await.expect(204);
    let never = Target {
        gpt_id: stranger.id().to_owned(),
        object: Uuid::now_v7().to_string(),
        ..theirs.clone()
    };
    for operation in secured().filter(|operation| operation.path.contains("{id}")) {
        let mut answers = Vec::new();
        for target in [&theirs, &deleted, &never] {
            let plain = call(&app, operation, target)
                .key(stranger.key())
                .await
                .expect(404);
            // Preconditions must not tell either.
            let conditional = call(&app, operation, target).key(stranger.key());
            let conditional = conditional
                .header("If-Match", "\"1\"")
                .header("If-None-Match", "\"1\"")
                .await
                .expect(404);
            answers.extend([anonymous(&plain), anonymous(&conditional)]);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{}: {answers:#?}", operation.operation_id);
    }
    assert_eq!(
        gpt.get_object(&theirs.object)
            .await
            .expect(200)
            .number("version"),
        1
    );
}

on_both!(anothers_file_is_forbidden_and_an_unknown_one_not_found);
async fn anothers_file_is_forbidden_and_an_unknown_one_not_found(app: App) {
    let (gpt, stranger) = (app.gpt_with_notes().await, app.gpt().await);
    let theirs = target(&gpt).await;
    let never = Target {
        file: NO_FILE.to_owned(),
        upload: NO_UPLOAD.to_owned(),
        ..theirs.clone()
    };
    let names_file = |operation: &&Operation| {
        ["{file_id}", "{upload_id}"]
            .iter()
            .any(|id| operation.path.contains(id))
    };
    for operation in secured().filter(names_file) {
        let refused = call(&app, operation, &theirs).key(stranger.key()).await;
        let refused = refused.expect(403).problem("forbidden");
        assert!(!refused.text().contains(gpt.id()), "{refused}");
        call(&app, operation, &never)
            .key(stranger.key())
            .await
            .expect(404);
    }
    assert_eq!(gpt.file_ids().await, [theirs.file]);
}

/// Everything of an answer but the request's own id and path: status, headers and body.
fn anonymous(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let id = answer.header("x-request-id").unwrap();
    let text = answer
        .text()
        .replace(&id, "[request-id]")
        .replace(answer.path(), "[path]");
    let own = ["x-request-id", "date", "content-length"];
    let headers = answer
        .headers()
        .into_iter()
        .filter(|(name, _)| !own.contains(&name.as_str()));
    (answer.status(), headers.collect(), text)
}

on_both!(what_needs_no_key_answers_without_one);
async fn what_needs_no_key_answers_without_one(app: App) {
    let target = Target {
        gpt_id: "nobody".to_owned(),
        object: Uuid::nil().to_string(),
        file: NO_FILE.to_owned(),
        upload: NO_UPLOAD.to_owned(),
    };
    let is_signed = |operation: &&Operation| {
        let mut parameters = operation.parameters.iter();
        parameters.any(|parameter| parameter.name == "signature")
    };
    let mut open = conformance::operations()
        .iter()
        // A signature takes the place of the key.
        .filter(|operation| !operation.is_secured() && !is_signed(operation))
        .peekable();
    assert!(
        open.peek().is_some(),
        "at least the health check is for anybody"
    );
    for operation in open {
        call(&app, operation, &target).await.expect(200);
    }
}

on_both!(a_remembered_key_expires_to_the_moment);
async fn a_remembered_key_expires_to_the_moment(app: App) {
    let gpt = app.gpt().await;
    let id = gpt.id().parse().unwrap();
    let end = Timestamp::now().plus(Duration::from_millis(300));
    let key = app.key(Some(&id), "objects:read", Some(end)).await;
    let gpt = gpt.with_key(key.key.reveal());
    loop {
        let start = Timestamp::now();
        let answer = gpt.get_limits().await;
        if answer.status() != 200 {
            answer.expect(401).problem("unauthorized");
            assert!(Timestamp::now() >= end, "refused before its time");
            return;
        }
        assert!(start < end, "still taken after its time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
