//! Administration: GPTs, keys and settings.

use futures::future::join_all;

use super::support::{collection, create, migrated, notes, on_both, on_both_alone, tenant, time};
use crate::clock::Timestamp;
use crate::ids::{GptId, Tenant};
use crate::store::{GptRow, NewKey, Store, StoreErrorKind, UniqueKey};

fn key(tenant: Option<&Tenant>, token_hash: [u8; 32]) -> NewKey {
    NewKey {
        token_hash,
        id: format!("key-{}", uuid::Uuid::now_v7().simple()),
        gpt_id: tenant.map(|tenant| tenant.gpt_id().clone()),
        name: "laptop".to_owned(),
        scopes: "objects:read objects:write".to_owned(),
        created_at: time(1),
        expires_at: None,
        rate_limits: Some("key:1/s".to_owned()),
    }
}

fn random_hash() -> [u8; 32] {
    let mut hash = [0; 32];
    getrandom::fill(&mut hash).unwrap();
    hash
}

#[tokio::test]
async fn gpts_are_created_once_and_listed_by_id() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        assert!(!store.any_gpt_exists().await.unwrap());
        let gpt = |id: &str| GptRow {
            id: id.parse().unwrap(),
            name: format!("GPT {id}"),
            created_at: time(123_456),
        };
        for id in ["b", "a", "c"] {
            assert!(store.create_gpt(&gpt(id)).await.unwrap());
        }
        let renamed = GptRow {
            name: "other".to_owned(),
            ..gpt("a")
        };
        assert!(!store.create_gpt(&renamed).await.unwrap());
        assert!(store.any_gpt_exists().await.unwrap());
        assert_eq!(store.get_gpt(&gpt("a").id).await.unwrap(), Some(gpt("a")));
        assert_eq!(
            store.list_gpts(None, 2).await.unwrap(),
            [gpt("a"), gpt("b")]
        );
        assert_eq!(
            store.list_gpts(Some(&gpt("b").id), 2).await.unwrap(),
            [gpt("c")]
        );
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_gpt_goes_with_everything_it_has() {
    on_both(async |store| {
        let (tenant, other) = (tenant(&store).await, tenant(&store).await);
        for tenant in [&tenant, &other] {
            collection(&store, tenant, "notes").await;
            create(&store, tenant, "notes", "{}", Timestamp::now()).await;
        }
        let hash = random_hash();
        store.create_key(key(Some(&tenant), hash)).await.unwrap();
        assert!(store.delete_gpt(tenant.gpt_id(), None).await.unwrap());
        assert!(!store.delete_gpt(tenant.gpt_id(), None).await.unwrap());
        assert!(
            store
                .get_collection(&tenant, notes())
                .await
                .unwrap()
                .is_none()
        );
        assert!(store.find_key(&hash).await.unwrap().is_none());
        assert!(
            store
                .get_collection(&other, notes())
                .await
                .unwrap()
                .is_some()
        );
    })
    .await;
}

#[tokio::test]
async fn keys_are_found_listed_revoked_and_expired() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let (hash, operator_hash) = (random_hash(), random_hash());
        let (new, operator) = (key(Some(&tenant), hash), key(None, operator_hash));
        store.create_key(new.clone()).await.unwrap();
        store.create_key(operator.clone()).await.unwrap();

        let found = store.find_key(&hash).await.unwrap().unwrap();
        assert_eq!((&found.id, &found.gpt_id), (&new.id, &new.gpt_id));
        assert_eq!((found.revoked_at, found.last_used), (None, None));
        assert_eq!(found.rate_limits, new.rate_limits);
        assert_eq!(
            store.get_key(&operator.id).await.unwrap().unwrap().gpt_id,
            None
        );
        assert!(store.find_key(&random_hash()).await.unwrap().is_none());
        assert_eq!(
            store
                .list_keys(Some(tenant.gpt_id()), None, 9)
                .await
                .unwrap(),
            [found]
        );
        assert!(store.list_keys(None, None, 9).await.unwrap().len() >= 2);

        let mut ids = vec![new.id.clone()];
        for _ in 0..2 {
            let next = key(Some(&tenant), random_hash());
            ids.push(next.id.clone());
            store.create_key(next).await.unwrap();
        }
        ids.sort_unstable();
        let page = async |after: Option<&str>| {
            let keys = store.list_keys(Some(tenant.gpt_id()), after, 2).await;
            let ids = keys.unwrap().into_iter().map(|key| key.id);
            ids.collect::<Vec<_>>()
        };
        assert_eq!(page(None).await, ids[..2]);
        assert_eq!(page(Some(&ids[1])).await, ids[2..]);

        let renamed = store.update_key(&new.id, Some("n".to_owned()), None).await;
        let renamed = renamed.unwrap().unwrap();
        assert_eq!(
            (renamed.name.as_str(), &renamed.rate_limits),
            ("n", &new.rate_limits)
        );
        let general = store.update_key(&new.id, None, Some(None)).await.unwrap();
        assert_eq!(general.unwrap().rate_limits, None);
        assert!(
            store
                .update_key("none", None, None)
                .await
                .unwrap()
                .is_none()
        );

        let revoked = store.revoke_key(&new.id, time(5)).await.unwrap().unwrap();
        assert_eq!(revoked.revoked_at, Some(time(5)));
        let again = store.revoke_key(&new.id, time(9)).await.unwrap().unwrap();
        assert_eq!(again.revoked_at, Some(time(5)));
        assert!(store.revoke_key("none", time(9)).await.unwrap().is_none());
        let expiring = store
            .set_key_expiry(&operator.id, Some(time(7)))
            .await
            .unwrap();
        assert_eq!(expiring.unwrap().expires_at, Some(time(7)));
    })
    .await;
}

#[tokio::test]
async fn a_key_needs_its_gpt_and_a_hash_of_its_own() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let hash = random_hash();
        store.create_key(key(Some(&tenant), hash)).await.unwrap();
        let error = store
            .create_key(key(Some(&tenant), hash))
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            StoreErrorKind::UniqueViolation(UniqueKey::Primary)
        );

        let nobody = Tenant::vouched("nobody".parse::<GptId>().unwrap());
        let error = store
            .create_key(key(Some(&nobody), random_hash()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ForeignKeyViolation);

        let first = key(None, random_hash());
        let second = NewKey {
            token_hash: random_hash(),
            ..first.clone()
        };
        store.create_key(first).await.unwrap();
        let error = store.create_key(second).await.unwrap_err();
        assert_eq!(
            error.kind(),
            StoreErrorKind::UniqueViolation(UniqueKey::Index)
        );
    })
    .await;
}

async fn last_used(store: &Store, hash: &[u8; 32]) -> Option<Timestamp> {
    store.find_key(hash).await.unwrap().unwrap().last_used
}

#[tokio::test]
async fn the_latest_use_of_a_key_is_kept() {
    on_both(async |store| {
        let (one, two) = (random_hash(), random_hash());
        store.create_key(key(None, one)).await.unwrap();
        store.create_key(key(None, two)).await.unwrap();
        let uses = [
            (one, time(30)),
            (two, time(10)),
            (one, time(20)),
            (random_hash(), time(1)),
        ];
        store.touch_keys(&uses).await.unwrap();
        assert_eq!(last_used(&store, &one).await, Some(time(30)));
        assert_eq!(last_used(&store, &two).await, Some(time(10)));
        store
            .touch_keys(&[(one, time(5)), (two, time(11))])
            .await
            .unwrap();
        assert_eq!(last_used(&store, &one).await, Some(time(30)));
        assert_eq!(last_used(&store, &two).await, Some(time(11)));
        store.touch_keys(&[]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn replicas_agree_on_a_generated_setting() {
    on_both_alone(async |settings| {
        let (one, two) = (migrated(&settings).await, migrated(&settings).await);
        let ask = |n: u8| [&one, &two][usize::from(n % 2)].get_or_insert_setting("secret", vec![n]);
        let values = join_all((0..16).map(ask)).await;
        let first = values[0].clone().unwrap();
        for value in values {
            assert_eq!(value.unwrap(), first);
        }
        one.close().await;
        two.close().await;
    })
    .await;
}
