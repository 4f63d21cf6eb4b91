//! Sessions, and the grants that open and renew them.

use futures::future::join_all;
use uuid::Uuid;

use super::support::{
    application, key, migrated, on_both, on_both_alone, session, sql, tenant, time,
};
use crate::ids::Tenant;
use crate::store::{
    ApplicationRow, AuthorizationCodeRow, CodeExchange, EndReason, GrantType, Keyset,
    NewRefreshToken, NewSession, RefreshExchange, SessionQuery, Store, Uses, WriteError,
};

/// A number that no other test has.
fn hash() -> [u8; 32] {
    let mut hash = [0; 32];
    getrandom::fill(&mut hash).unwrap();
    hash
}

fn refresh_token(token_hash: [u8; 32]) -> NewRefreshToken {
    NewRefreshToken {
        token_hash,
        expires_at: time(1000),
    }
}

async fn code(
    store: &Store,
    tenant: &Tenant,
    application: &ApplicationRow,
) -> AuthorizationCodeRow {
    let code = AuthorizationCodeRow {
        code_hash: hash(),
        application_id: application.id,
        redirect_uri: "https://example.com/callback".to_owned(),
        code_challenge: Some("challenge".to_owned()),
        scopes: "objects:read".to_owned(),
        key_id: key(store, tenant).await,
        resource: None,
        created_at: time(1),
        expires_at: time(60),
        used_at: None,
        session_id: None,
    };
    store
        .insert_authorization_code(tenant, &code)
        .await
        .unwrap();
    code
}

fn exchanged(application: &ApplicationRow, code: &AuthorizationCodeRow) -> NewSession {
    NewSession {
        grant_type: GrantType::AuthorizationCode,
        key_id: Some(code.key_id.clone()),
        refresh_token: Some(refresh_token(hash())),
        ..session(application, None)
    }
}

/// Shows `code` at a moment.
async fn take(
    store: &Store,
    tenant: &Tenant,
    code: &AuthorizationCodeRow,
    new: &NewSession,
    at: i64,
) -> CodeExchange {
    let open = |_: &AuthorizationCodeRow| Ok::<_, ()>(new.clone());
    store
        .take_authorization_code(tenant, &code.code_hash, time(at), open)
        .await
        .unwrap()
}

async fn end_reason(store: &Store, tenant: &Tenant, id: Uuid) -> Option<EndReason> {
    let found = store.find_session(tenant, id).await.unwrap().unwrap();
    found.session.end_reason
}

#[tokio::test]
async fn a_code_is_good_once_and_its_reuse_ends_the_session() {
    on_both(async |store| {
        let (tenant, other) = (tenant(&store).await, tenant(&store).await);
        let application = application(&store, &tenant).await;
        let code = code(&store, &tenant, &application).await;
        let new = exchanged(&application, &code);
        let elsewhere = take(&store, &other, &code, &new, 10).await;
        assert_eq!(elsewhere, CodeExchange::Unknown);
        let refuse = |seen: &AuthorizationCodeRow| {
            assert_eq!(seen, &code);
            Err::<NewSession, _>("of another client")
        };
        let refused = store
            .take_authorization_code(&tenant, &code.code_hash, time(10), refuse)
            .await;
        assert!(matches!(
            refused,
            Err(WriteError::Refused("of another client"))
        ));

        let CodeExchange::Opened(grant) = take(&store, &tenant, &code, &new, 10).await else {
            panic!("the code should be good");
        };
        assert!(grant.is_alive(time(10)));
        assert_eq!(grant.session.client_id, application.client_id);
        assert_eq!(grant.application_scopes, application.scopes);
        assert_eq!(grant.session.key_id.as_ref(), Some(&code.key_id));

        let again = exchanged(&application, &code);
        let reused = take(&store, &tenant, &code, &again, 70).await;
        assert_eq!(reused, CodeExchange::Reused(Some(new.id)));
        let reason = end_reason(&store, &tenant, new.id).await;
        assert_eq!(reason, Some(EndReason::CodeReuse));
        assert!(
            store
                .find_session(&tenant, again.id)
                .await
                .unwrap()
                .is_none()
        );
    })
    .await;
}

#[tokio::test]
async fn a_code_is_over_with_its_time_application_or_key() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let application = application(&store, &tenant).await;
        let (late, of_revoked, orphan) = (
            code(&store, &tenant, &application).await,
            code(&store, &tenant, &application).await,
            code(&store, &tenant, &application).await,
        );
        let shown = async |code: &AuthorizationCodeRow, at| {
            take(&store, &tenant, code, &exchanged(&application, code), at).await
        };
        assert_eq!(shown(&late, 60).await, CodeExchange::Expired);
        store.revoke_key(&of_revoked.key_id, time(5)).await.unwrap();
        assert_eq!(shown(&of_revoked, 10).await, CodeExchange::Over);
        let revoked = store.revoke_application(&tenant, application.id, time(5));
        revoked.await.unwrap();
        assert_eq!(shown(&orphan, 10).await, CodeExchange::Over);
    })
    .await;
}

#[tokio::test]
async fn of_many_that_show_a_code_at_once_one_gets_a_session() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let application = application(&store, &tenant).await;
        let code = code(&store, &tenant, &application).await;
        let shown = (0..6).map(async |_| {
            let new = exchanged(&application, &code);
            take(&store, &tenant, &code, &new, 10).await
        });
        let outcomes = join_all(shown).await;
        let opened = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, CodeExchange::Opened(_)));
        assert_eq!(opened.count(), 1, "{outcomes:?}");
    })
    .await;
}

async fn renew(
    store: &Store,
    tenant: &Tenant,
    shown: &[u8; 32],
    next: [u8; 32],
    at: i64,
) -> RefreshExchange {
    let next = NewRefreshToken {
        token_hash: next,
        expires_at: time(2000 + at),
    };
    store
        .rotate_refresh_token(tenant, shown, time(at), |_| Ok::<_, ()>(next))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_refresh_token_renews_once_and_its_reuse_ends_the_session() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let application = application(&store, &tenant).await;
        let (first, second, third) = (hash(), hash(), hash());
        let new = session(&application, Some(refresh_token(first)));
        store.open_session(&tenant, &new).await.unwrap().unwrap();

        let RefreshExchange::Renewed(grant) = renew(&store, &tenant, &first, second, 20).await
        else {
            panic!("the token should be good");
        };
        assert_eq!(grant.session.expires_at, time(2020));
        assert_eq!(grant.session.last_activity, time(20));
        let used = store.find_refresh_token(&tenant, &first).await.unwrap();
        assert_eq!(used.unwrap().used_at, Some(time(20)));

        let refuse = |_: &_| Err::<NewRefreshToken, _>("of another client");
        let refused = store
            .rotate_refresh_token(&tenant, &first, time(30), refuse)
            .await;
        assert!(matches!(refused, Err(WriteError::Refused(_))));
        assert_eq!(end_reason(&store, &tenant, new.id).await, None);

        let reused = renew(&store, &tenant, &first, third, 30).await;
        assert!(matches!(reused, RefreshExchange::Reused(_)));
        let reason = end_reason(&store, &tenant, new.id).await;
        assert_eq!(reason, Some(EndReason::RefreshTokenReuse));
        let after = renew(&store, &tenant, &second, third, 31).await;
        assert_eq!(after, RefreshExchange::Over);
        let unknown = renew(&store, &tenant, &third, hash(), 31).await;
        assert_eq!(unknown, RefreshExchange::Unknown);
    })
    .await;
}

#[tokio::test]
async fn of_many_that_renew_at_once_one_is_served() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let application = application(&store, &tenant).await;
        let first = hash();
        let new = session(&application, Some(refresh_token(first)));
        store.open_session(&tenant, &new).await.unwrap().unwrap();
        let shown = (0..6).map(|_| renew(&store, &tenant, &first, hash(), 20));
        let outcomes = join_all(shown).await;
        let renewed = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, RefreshExchange::Renewed(_)));
        assert_eq!(renewed.count(), 1, "{outcomes:?}");
    })
    .await;
}

#[tokio::test]
async fn a_session_lasts_as_long_as_the_key_behind_it() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let application = application(&store, &tenant).await;
        let code = code(&store, &tenant, &application).await;
        let new = exchanged(&application, &code);
        take(&store, &tenant, &code, &new, 10).await;
        let alive = async |at| {
            let found = store.find_session(&tenant, new.id).await.unwrap();
            found.unwrap().is_alive(time(at))
        };
        let expiry = async |end| store.set_key_expiry(&code.key_id, end).await.unwrap();
        expiry(Some(time(30))).await;
        assert!(alive(29).await && !alive(30).await);
        expiry(None).await;
        assert!(alive(30).await && !alive(1000).await);
        store.revoke_key(&code.key_id, time(40)).await.unwrap();
        assert!(!alive(41).await);
        let reason = end_reason(&store, &tenant, new.id).await;
        assert_eq!(reason, Some(EndReason::KeyRevoked));
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_ended_and_touched() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let (one, two) = (
            application(&store, &tenant).await,
            application(&store, &tenant).await,
        );
        let opened = [
            session(&one, None),
            session(&one, None),
            session(&two, None),
        ];
        for new in &opened {
            store.open_session(&tenant, new).await.unwrap().unwrap();
        }
        let ended = store
            .end_session(&tenant, opened[0].id, EndReason::Operator, time(50))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(ended.ended_at, Some(time(50)));
        let again = store
            .end_session(&tenant, opened[0].id, EndReason::TokenRevoked, time(60))
            .await;
        assert_eq!(again.unwrap(), Some(ended));

        let whose = store.gpt_of_session(opened[0].id).await.unwrap();
        assert_eq!(whose.as_ref(), Some(tenant.gpt_id()));
        assert_eq!(store.gpt_of_session(Uuid::now_v7()).await.unwrap(), None);

        let all = SessionQuery {
            gpt_id: Some(tenant.gpt_id().clone()),
            client_id: None,
            alive_at: None,
            page: Keyset {
                after: None,
                ascending: true,
                limit: 200,
            },
        };
        let ids = async |query: &SessionQuery| {
            let (rows, _) = store.list_sessions(query).await.unwrap();
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        };
        let [first, second, third] = opened.each_ref().map(|new| new.id);
        assert_eq!(ids(&all).await, [first, second, third]);
        let alive = SessionQuery {
            alive_at: Some(time(55)),
            ..all.clone()
        };
        assert_eq!(ids(&alive).await, [second, third]);
        let of_one = SessionQuery {
            client_id: Some(one.client_id.clone()),
            ..alive.clone()
        };
        assert_eq!(ids(&of_one).await, [second]);
        let over = SessionQuery {
            alive_at: Some(time(1000)),
            ..all.clone()
        };
        assert!(ids(&over).await.is_empty());
        let mut page = all.clone();
        page.page.limit = 1;
        let (rows, more) = store.list_sessions(&page).await.unwrap();
        assert!(more && rows[0].id == first);
        page.page.after = Some((rows[0].created_at, rows[0].id));
        assert_eq!(ids(&page).await, [second]);

        let used = Uses::from([((tenant.gpt_id().clone(), second), time(77))]);
        store.touch_sessions(&used).await.unwrap();
        let touched = store.find_session(&tenant, second).await.unwrap().unwrap();
        assert_eq!(touched.session.last_activity, time(77));
    })
    .await;
}

#[tokio::test]
async fn what_is_long_over_is_forgotten() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        let application = application(&store, &tenant).await;
        let code = code(&store, &tenant, &application).await;
        let new = exchanged(&application, &code);
        take(&store, &tenant, &code, &new, 10).await;
        let gpt_id = tenant.gpt_id();
        let count = async |table: &str| {
            let count = format!("SELECT gpt_id FROM {table} WHERE gpt_id = '{gpt_id}'");
            sql(&store, &count).await.len()
        };
        let counts = async || {
            let [codes, tokens, sessions] = ["authorization_codes", "refresh_tokens", "sessions"];
            (
                count(codes).await,
                count(tokens).await,
                count(sessions).await,
            )
        };
        store.prune_grants(time(59), time(999)).await.unwrap();
        assert_eq!(counts().await, (1, 1, 1));
        store.prune_grants(time(61), time(999)).await.unwrap();
        assert_eq!(counts().await, (0, 1, 1));
        store.prune_grants(time(61), time(1001)).await.unwrap();
        assert_eq!(counts().await, (0, 0, 0));
        store.close().await;
    })
    .await;
}
