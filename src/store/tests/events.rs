//! Events: written with their changes, delivered in order, by one worker at a time.

use std::time::Duration;

use futures::future::join_all;
use uuid::Uuid;

use super::support::{
    collection, create, document, migrated, name, notes, object, on_both, on_both_alone, tenant,
    time,
};
use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::{
    Attempt, Change, ClaimedWebhook, CreateError, DueEvent, EventKind, EventQuery, EventState,
    NewWebhook, Put, Store, WebhookRow, WebhookSecrets,
};

fn webhook() -> NewWebhook {
    NewWebhook {
        url: "https://example.com/".to_owned(),
        is_enabled: true,
        secret: vec![1],
    }
}

/// A tenant with the collection `notes`, whose changes are forwarded.
async fn forwarded(store: &Store) -> Tenant {
    let tenant = tenant(store).await;
    collection(store, &tenant, "notes").await;
    let put = store
        .put_webhook(tenant.gpt_id(), &webhook(), time(1))
        .await;
    assert_eq!(put.unwrap(), Some(true));
    tenant
}

async fn create_forwarded(store: &Store, tenant: &Tenant, at: i64) -> Uuid {
    let mut object = object("notes", r#"{"n":1}"#, time(at));
    object.is_forwarded = true;
    let id = object.id;
    assert!(store.create_object(tenant, object).await.unwrap().is_some());
    id
}

async fn update(store: &Store, tenant: &Tenant, id: Uuid, at: i64) {
    let change = |_: &_| Ok::<_, ()>(Change::Body(document(r#"{"n":2}"#)));
    let updated = store.update_object(tenant, id, || time(at), change).await;
    assert!(updated.unwrap().unwrap().change_id.is_some());
}

async fn due(store: &Store, tenant: &Tenant, now: i64) -> Vec<DueEvent> {
    let due = store.due_events(tenant.gpt_id(), time(now), 100);
    due.await.unwrap()
}

/// The tenant's webhook, if it can be claimed at `now`; those of others are claimed too, so a test that
/// claims needs tables of its own.
async fn claim(store: &Store, tenant: &Tenant, now: i64, until: i64) -> Option<ClaimedWebhook> {
    let claimed = store
        .claim_webhooks("w", time(now), time(until), 10_000)
        .await;
    let mut claimed = claimed.unwrap().into_iter();
    claimed.find(|claimed| claimed.webhook.gpt_id == *tenant.gpt_id())
}

const REFUSED: Attempt<'static> = Attempt {
    status: Some(500),
    error: "refused",
};

#[tokio::test]
async fn an_event_is_there_exactly_when_the_change_is() {
    on_both(async |store| {
        let tenant = forwarded(&store).await;
        let id = create_forwarded(&store, &tenant, 5).await;
        update(&store, &tenant, id, 6).await;
        let keep = |_: &_| Ok::<_, ()>(Change::Keep);
        let kept = store.update_object(&tenant, id, || time(7), keep).await;
        assert_eq!(kept.unwrap().unwrap().change_id, None);
        let refuse = |_: &_| Err::<Change, _>(());
        store
            .update_object(&tenant, id, || time(7), refuse)
            .await
            .unwrap_err();
        let delete = |_: &_| Ok::<_, ()>(Change::Delete);
        store
            .update_object(&tenant, id, || time(8), delete)
            .await
            .unwrap();
        let events = due(&store, &tenant, 100).await;
        let told = events
            .iter()
            .map(|event| (event.seq, event.kind, event.version, event.changed_at));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (1, EventKind::Created, 1, time(5)),
                (2, EventKind::Updated, 2, time(6)),
                (3, EventKind::Deleted, 2, time(8)),
            ]
        );
        let bodies = join_all(
            events
                .iter()
                .map(|event| store.event_body(tenant.gpt_id(), event)),
        );
        let bodies: Vec<_> = bodies.await.into_iter().map(Result::unwrap).collect();
        let expected = [Some(r#"{"n":1}"#), Some(r#"{"n":2}"#), None];
        assert_eq!(bodies, expected.map(|body| body.map(document)));
    })
    .await;
}

/// Who has not seen that changes are forwarded, or that they are no more, writes nothing.
#[tokio::test]
async fn a_create_that_does_not_know_is_refused() {
    on_both(async |store| {
        let tenant = forwarded(&store).await;
        let create = |is_forwarded| {
            let mut object = object("notes", "{}", time(5));
            object.is_forwarded = is_forwarded;
            store.create_object(&tenant, object)
        };
        let refused = create(false).await;
        assert!(
            matches!(refused, Err(CreateError::CollectionChanged)),
            "{refused:?}"
        );
        create(true).await.unwrap().unwrap();
        assert!(store.delete_webhook(tenant.gpt_id()).await.unwrap());
        let refused = create(true).await;
        assert!(
            matches!(refused, Err(CreateError::CollectionChanged)),
            "{refused:?}"
        );
        assert_eq!(create(false).await.unwrap(), None);
        assert!(due(&store, &tenant, 100).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_new_collection_is_forwarded_too() {
    on_both(async |store| {
        let tenant = forwarded(&store).await;
        let check = |_: Option<&_>| Ok::<_, ()>(());
        let (name, id) = (name("tasks"), Uuid::now_v7());
        let put = store.put_collection(&tenant, &name, None, id, time(3), check);
        let (row, put) = put.await.unwrap();
        assert_eq!((row.is_forwarded, put), (true, Put::Created));
        store.delete_webhook(tenant.gpt_id()).await.unwrap();
        let row = store.get_collection(&tenant, &name).await.unwrap().unwrap();
        assert!(!row.is_forwarded);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_collection_tells_of_each_object() {
    on_both(async |store| {
        let tenant = forwarded(&store).await;
        for _ in 0..3 {
            create_forwarded(&store, &tenant, 5).await;
        }
        let deleted = store.delete_collection(&tenant, notes(), |_| Ok::<_, ()>(()));
        let change = deleted.await.unwrap().unwrap().change_id.unwrap();
        let later = Timestamp::now().plus(Duration::from_secs(3600));
        let events = store.due_events(tenant.gpt_id(), later, 100).await.unwrap();
        let gone = events
            .iter()
            .filter(|event| event.kind == EventKind::Deleted);
        assert_eq!(gone.filter(|event| event.change_id == change).count(), 3);
        assert_eq!(events.len(), 6);
    })
    .await;
}

#[tokio::test]
async fn one_worker_at_a_time_forwards_for_a_gpt() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = forwarded(&store).await;
        assert!(
            claim(&store, &tenant, 10, 20).await.is_none(),
            "nothing is due"
        );
        let id = create_forwarded(&store, &tenant, 5).await;
        let first = claim(&store, &tenant, 10, 20).await.unwrap();
        assert!(
            claim(&store, &tenant, 19, 30).await.is_none(),
            "it is claimed"
        );
        let second = claim(&store, &tenant, 20, 40).await.unwrap();
        let event = due(&store, &tenant, 20).await.remove(0);
        // The first stood still for longer than its lease.
        let late = store.note_delivered(&first, &event, 200, time(21)).await;
        assert!(!late.unwrap());
        store.release_webhook(&first, time(0), 0).await.unwrap();
        assert!(
            claim(&store, &tenant, 22, 40).await.is_none(),
            "it is the second's"
        );
        assert!(
            store
                .note_delivered(&second, &event, 200, time(22))
                .await
                .unwrap()
        );
        assert!(
            !store
                .note_delivered(&second, &event, 200, time(22))
                .await
                .unwrap()
        );
        assert_eq!(
            store.event_body(tenant.gpt_id(), &event).await.unwrap(),
            None
        );
        update(&store, &tenant, id, 23).await;
        store.release_webhook(&second, time(30), 2).await.unwrap();
        assert!(claim(&store, &tenant, 29, 40).await.is_none(), "it rests");
        let third = claim(&store, &tenant, 30, 40).await.unwrap();
        assert_eq!(third.webhook.failures, 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_put_off_keeps_the_rest_of_the_object_behind_it() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = forwarded(&store).await;
        let (one, other) = (
            create_forwarded(&store, &tenant, 5).await,
            create_forwarded(&store, &tenant, 5).await,
        );
        update(&store, &tenant, one, 6).await;
        let claimed = claim(&store, &tenant, 10, 20).await.unwrap();
        let events = due(&store, &tenant, 10).await;
        let first = events.iter().find(|event| event.object_id == one).unwrap();
        assert_eq!(first.seq, 1);
        let put_off = store.put_off_event(&claimed, first, REFUSED, time(50));
        assert!(put_off.await.unwrap());
        // Also what comes later, and by a clock that is behind.
        update(&store, &tenant, one, 2).await;
        let objects = async |now| {
            let due = due(&store, &tenant, now).await;
            due.iter()
                .map(|event| (event.object_id, event.seq))
                .collect::<Vec<_>>()
        };
        assert_eq!(objects(49).await, [(other, 1)]);
        let all = objects(50).await;
        let of_one: Vec<_> = all.iter().filter(|(id, _)| *id == one).collect();
        assert_eq!(of_one, [&(one, 1), &(one, 2), &(one, 3)]);

        let first = due(&store, &tenant, 50).await;
        let first = first.iter().find(|event| event.object_id == one).unwrap();
        assert_eq!((first.seq, first.attempts), (1, 1));
        assert!(
            store
                .fail_event(&claimed, first, REFUSED, time(51))
                .await
                .unwrap()
        );
        assert!(!objects(50).await.contains(&(one, 1)));
        let query = EventQuery {
            gpt_id: tenant.gpt_id().clone(),
            state: Some(EventState::Failed),
            after: None,
            limit: 10,
        };
        let failed = store.list_events(&query).await.unwrap();
        assert_eq!(failed.len(), 1);
        assert_eq!((failed[0].status, failed[0].event.attempts), (Some(500), 2));
        assert_eq!(failed[0].error.as_deref(), Some("refused"));
        // Told to, it comes before what waits.
        let retried = store.retry_failed_events(tenant.gpt_id()).await.unwrap();
        assert_eq!(retried, 1);
        let again = objects(50).await;
        let place = |seq| again.iter().position(|event| *event == (one, seq)).unwrap();
        assert!(place(1) < place(2) && place(2) < place(3));
    })
    .await;
}

/// However writers and the operator meet: each change that comes after the webhook is told.
#[tokio::test]
async fn no_change_is_missed_while_a_webhook_comes() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let id = create(&store, &tenant, "notes", "{}", time(1)).await;
        let change = |_: &_| Ok::<_, ()>(Change::Body(document("{}")));
        let writes = join_all((0..20).map(|number| {
            let (store, tenant) = (&store, &tenant);
            async move {
                let put = async {
                    if number == 10 {
                        let (gpt_id, webhook) = (tenant.gpt_id(), webhook());
                        store.put_webhook(gpt_id, &webhook, time(1)).await.unwrap();
                    }
                };
                let update = store.update_object(tenant, id, || time(2), change);
                let ((), updated) = tokio::join!(put, update);
                updated.unwrap().unwrap().change_id.is_some()
            }
        }));
        let told = writes.await.into_iter().filter(|is_told| *is_told).count();
        let events = due(&store, &tenant, 100).await;
        assert_eq!(events.len(), told);
        // Those that were told are the last ones, without a gap.
        let versions: Vec<_> = events.iter().map(|event| event.version).collect();
        let first = 22 - i64::try_from(told).unwrap();
        assert_eq!(versions, (first..22).collect::<Vec<_>>());
        let after = store.update_object(&tenant, id, || time(3), change).await;
        assert!(after.unwrap().unwrap().change_id.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_is_switched_off_notes_nothing() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = forwarded(&store).await;
        create_forwarded(&store, &tenant, 5).await;
        let gpt_id = tenant.gpt_id();
        let row = store.get_webhook(gpt_id).await.unwrap().unwrap();
        let elsewhere = WebhookRow {
            url: "https://example.com/old".to_owned(),
            ..row.clone()
        };
        for (row, is_enabled) in [(elsewhere, true), (row, false)] {
            store.disable_webhook(&row, "gone", time(6)).await.unwrap();
            let row = store.get_webhook(gpt_id).await.unwrap().unwrap();
            assert_eq!(row.is_enabled, is_enabled);
        }
        assert_eq!(create_unforwarded(&store, &tenant).await, None);
        assert!(claim(&store, &tenant, 10, 20).await.is_none());
        let row = store.get_webhook(gpt_id).await.unwrap().unwrap();
        assert!(!row.is_enabled);
        assert_eq!(row.disabled_reason.as_deref(), Some("gone"));
        let again = store.put_webhook(gpt_id, &webhook(), time(7)).await;
        assert_eq!(again.unwrap(), Some(false));
        assert!(
            claim(&store, &tenant, 10, 20).await.is_some(),
            "what waited is there"
        );
        let secrets = WebhookSecrets {
            current: vec![2],
            old: Some((vec![1], time(9))),
        };
        assert!(
            store
                .set_webhook_secrets(gpt_id, &secrets, time(8))
                .await
                .unwrap()
        );
        let row = store.get_webhook(gpt_id).await.unwrap().unwrap();
        assert!(row.secrets == secrets);
    })
    .await;
}

async fn create_unforwarded(store: &Store, tenant: &Tenant) -> Option<Uuid> {
    let object = object("notes", "{}", time(9));
    store.create_object(tenant, object).await.unwrap()
}
