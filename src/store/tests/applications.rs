//! Applications and signing keys.

use uuid::Uuid;

use super::support::{application, migrated, name, on_both, on_both_alone, session, tenant, time};
use crate::store::{
    ApplicationChange, ApplicationRow, EndReason, Keyset, SigningKeyRow, StoreErrorKind, UniqueKey,
    Uses,
};

fn page(limit: u32) -> Keyset {
    Keyset {
        after: None,
        ascending: true,
        limit,
    }
}

#[tokio::test]
async fn applications_are_found_by_client_and_by_tenant() {
    on_both(async |store| {
        let (tenant, other) = (tenant(&store).await, tenant(&store).await);
        let row = application(&store, &tenant).await;
        let found = store.find_client(&row.client_id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&row));
        let own = store.get_application(&tenant, row.id).await.unwrap();
        assert_eq!(own, Some(row.clone()));
        assert_eq!(store.get_application(&other, row.id).await.unwrap(), None);
        assert_eq!(store.find_client("app_none").await.unwrap(), None);

        let again = ApplicationRow {
            id: Uuid::now_v7(),
            ..row
        };
        let error = store.insert_application(&again).await.unwrap_err();
        let taken = StoreErrorKind::UniqueViolation(UniqueKey::Index);
        assert_eq!(error.kind(), taken);
    })
    .await;
}

#[tokio::test]
async fn applications_are_listed_by_pages() {
    on_both(async |store| {
        let (tenant, other) = (tenant(&store).await, tenant(&store).await);
        let mut rows = Vec::new();
        for _ in 0..3 {
            rows.push(application(&store, &tenant).await);
        }
        application(&store, &other).await;
        let gpt = Some(tenant.gpt_id());
        let (first, more) = store.list_applications(gpt, &page(2)).await.unwrap();
        assert_eq!((first.as_slice(), more), (&rows[..2], true));
        let rest = Keyset {
            after: first.last().map(|row| (row.created_at, row.id)),
            ..page(2)
        };
        let (last, more) = store.list_applications(gpt, &rest).await.unwrap();
        assert_eq!((last.as_slice(), more), (&rows[2..], false));
        let (all, _) = store.list_applications(None, &page(200)).await.unwrap();
        assert!(all.len() >= 4);
    })
    .await;
}

#[tokio::test]
async fn only_what_is_named_changes() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let row = application(&store, &tenant).await;
        let change = ApplicationChange {
            name: Some("renamed".to_owned()),
            collections: Some(Some(vec![name("notes"), name("tasks")])),
            rate_limits: Some(None),
            ..ApplicationChange::default()
        };
        let changed = store
            .update_application(&tenant, row.id, change, time(9))
            .await
            .unwrap();
        let expected = ApplicationRow {
            name: "renamed".to_owned(),
            collections: Some(vec![name("notes"), name("tasks")]),
            rate_limits: None,
            updated_at: time(9),
            ..row.clone()
        };
        assert_eq!(changed, Some(expected));
        let open = ApplicationChange {
            collections: Some(None),
            redirect_uris: Some(Vec::new()),
            ..ApplicationChange::default()
        };
        let changed = store
            .update_application(&tenant, row.id, open, time(10))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (changed.collections, changed.redirect_uris.len()),
            (None, 0)
        );
        assert_eq!(changed.name, "renamed");
    })
    .await;
}

#[tokio::test]
async fn the_secret_before_stays_for_a_while() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let row = application(&store, &tenant).await;
        let rotated = store
            .rotate_application_secret(&tenant, row.id, [9; 32], time(50), time(5))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(rotated.secret_hash, Some([9; 32]));
        let before = row.secret_hash.map(|hash| (hash, time(50)));
        assert_eq!(rotated.previous_secret, before);

        let public = ApplicationRow {
            id: Uuid::now_v7(),
            client_id: format!("app_{}", Uuid::now_v7().simple()),
            is_public: true,
            secret_hash: None,
            ..row
        };
        store.insert_application(&public).await.unwrap();
        let same = store
            .rotate_application_secret(&tenant, public.id, [9; 32], time(50), time(5))
            .await
            .unwrap();
        assert_eq!(same, Some(public));
    })
    .await;
}

#[tokio::test]
async fn a_revoked_application_takes_its_sessions_along() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let (row, other) = (
            application(&store, &tenant).await,
            application(&store, &tenant).await,
        );
        let sessions = [session(&row, None), session(&other, None)];
        for new in &sessions {
            store.open_session(&tenant, new).await.unwrap().unwrap();
        }
        let revoke = async |at| {
            let revoked = store.revoke_application(&tenant, row.id, time(at)).await;
            revoked.unwrap().unwrap().revoked_at
        };
        assert_eq!(revoke(20).await, Some(time(20)));
        assert_eq!(revoke(30).await, Some(time(20)));

        let ended = store.find_session(&tenant, sessions[0].id).await.unwrap();
        let ended = ended.unwrap();
        assert!(!ended.is_alive(time(21)));
        assert_eq!(ended.session.ended_at, Some(time(20)));
        let reason = Some(EndReason::ApplicationRevoked);
        assert_eq!(ended.session.end_reason, reason);
        let kept = store.find_session(&tenant, sessions[1].id).await.unwrap();
        assert!(kept.unwrap().is_alive(time(21)));
        let refused = store.open_session(&tenant, &session(&row, None)).await;
        assert_eq!(refused.unwrap(), None);
        let change = ApplicationChange {
            name: Some("renamed".to_owned()),
            ..ApplicationChange::default()
        };
        let unchanged = store
            .update_application(&tenant, row.id, change, time(40))
            .await
            .unwrap();
        assert_eq!(unchanged.unwrap().name, row.name);
    })
    .await;
}

#[tokio::test]
async fn the_latest_use_of_an_application_is_kept() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let row = application(&store, &tenant).await;
        for (at, latest) in [(30, 30), (20, 30), (40, 40)] {
            let known = (tenant.gpt_id().clone(), row.id);
            let unknown = (tenant.gpt_id().clone(), Uuid::now_v7());
            let uses = Uses::from([(known, time(at)), (unknown, time(1))]);
            store.touch_applications(&uses).await.unwrap();
            let found = store.get_application(&tenant, row.id).await.unwrap();
            assert_eq!(found.unwrap().last_used, Some(time(latest)));
        }
        store.touch_applications(&Uses::new()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn signing_keys_verify_until_they_are_retired() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let key = |id: &str, at| SigningKeyRow {
            id: id.to_owned(),
            private_key: vec![1, 2, 3],
            created_at: time(at),
            retires_at: None,
        };
        for (id, at) in [("b", 1), ("a", 2)] {
            store.insert_signing_key(&key(id, at)).await.unwrap();
        }
        let known = store.list_signing_keys(time(3)).await.unwrap();
        assert_eq!(known, [key("b", 1), key("a", 2)]);
        assert!(!format!("{known:?}").contains("[1, 2, 3]"));

        store.retire_signing_keys("a", time(100)).await.unwrap();
        let retired = SigningKeyRow {
            retires_at: Some(time(100)),
            ..key("b", 1)
        };
        assert_eq!(
            store.list_signing_keys(time(99)).await.unwrap(),
            [retired, key("a", 2)]
        );
        assert_eq!(
            store.list_signing_keys(time(100)).await.unwrap(),
            [key("a", 2)]
        );
        assert_eq!(store.prune_signing_keys(time(99)).await.unwrap(), 0);
        assert_eq!(store.prune_signing_keys(time(100)).await.unwrap(), 1);
        store.close().await;
    })
    .await;
}
