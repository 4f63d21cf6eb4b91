//! The record of calls: batches, pages, filters and its end.

use uuid::Uuid;

use super::support::{document, migrated, on_both, on_both_alone, tenant, time};
use crate::ids::{GptId, Tenant};
use crate::store::{AuditQuery, AuditRow, Store};

fn call(gpt_id: Option<&GptId>, number: i64) -> AuditRow {
    AuditRow {
        id: Uuid::now_v7(),
        gpt_id: gpt_id.cloned(),
        key_id: (number % 3 != 0).then(|| "key_1".to_owned()),
        app_id: (number % 2 == 0).then(|| "app'\"".to_owned()),
        operation: ["get_object", "create_object"][(number % 2) as usize].to_owned(),
        method: "GET".to_owned(),
        path: "/v1/objects/{id}".to_owned(),
        request: document(r#"{"query":["limit"],"query_bytes":8}"#),
        status: 200 + (number % 3) as i32,
        milliseconds: 1.25 * number as f64,
        request_id: format!("r{number}"),
        client_address: "2001:db8::1".to_owned(),
        created_at: time(number),
        application_id: (number % 3 == 0).then(|| "app_1".to_owned()),
        session_id: (number % 3 == 0).then(Uuid::now_v7),
        memory_service_request_id: (number % 2 == 0).then(|| "change".to_owned()),
    }
}

/// Records calls at the moments 0 to `count`, in one batch.
async fn record(store: &Store, tenant: &Tenant, count: i64) -> Vec<AuditRow> {
    let rows: Vec<_> = (0..count)
        .map(|number| call(Some(tenant.gpt_id()), number))
        .collect();
    store.record_calls(&rows).await.unwrap();
    rows
}

fn query(tenant: &Tenant) -> AuditQuery {
    AuditQuery {
        gpt_id: Some(tenant.gpt_id().clone()),
        limit: 1000,
        ..AuditQuery::default()
    }
}

#[tokio::test]
async fn a_batch_comes_back_as_it_was_latest_first() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let mut rows = record(&store, &tenant, 500).await;
        rows.reverse();
        assert_eq!(store.list_calls(&query(&tenant)).await.unwrap(), rows);
        store.delete_gpt(tenant.gpt_id(), None).await.unwrap();
        assert_eq!(store.list_calls(&query(&tenant)).await.unwrap().len(), 500);
        store.record_calls(&[]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_recorded_once() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let rows = record(&store, &tenant, 3).await;
        store.record_calls(&rows[1..]).await.unwrap();
        let listed = store.list_calls(&query(&tenant)).await.unwrap();
        assert_eq!(listed, rows.into_iter().rev().collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn filters_leave_out_and_pages_meet() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let rows = record(&store, &tenant, 12).await;
        let all = query(&tenant);
        let count = async |query: AuditQuery| store.list_calls(&query).await.unwrap().len();
        let (operation, app) = ("create_object".to_owned(), "app'\"".to_owned());
        assert_eq!(
            count(AuditQuery {
                operation: Some(operation),
                ..all.clone()
            })
            .await,
            6
        );
        assert_eq!(
            count(AuditQuery {
                app_id: Some(app),
                ..all.clone()
            })
            .await,
            6
        );
        let (application, key) = ("app_1".to_owned(), "key_1".to_owned());
        assert_eq!(
            count(AuditQuery {
                application_id: Some(application),
                ..all.clone()
            })
            .await,
            4
        );
        assert_eq!(
            count(AuditQuery {
                key_id: Some(key),
                ..all.clone()
            })
            .await,
            8
        );
        assert_eq!(
            count(AuditQuery {
                status: Some(201),
                ..all.clone()
            })
            .await,
            4
        );
        assert_eq!(
            count(AuditQuery {
                since: Some(time(3)),
                ..all.clone()
            })
            .await,
            9
        );
        assert_eq!(
            count(AuditQuery {
                until: Some(time(3)),
                ..all.clone()
            })
            .await,
            3
        );

        let mut walked = Vec::new();
        let mut page = AuditQuery { limit: 5, ..all };
        loop {
            let calls = store.list_calls(&page).await.unwrap();
            page.after = calls.last().map(|row| (row.created_at, row.id));
            walked.extend(calls);
            if page.after.is_none() {
                break;
            }
        }
        walked.reverse();
        assert_eq!(walked, rows);
    })
    .await;
}

#[tokio::test]
async fn old_calls_are_forgotten_in_batches() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        record(&store, &tenant, 1200).await;
        store.record_calls(&[call(None, 7)]).await.unwrap();
        assert_eq!(store.prune_calls(time(1100)).await.unwrap(), 1101);
        let left = store.list_calls(&query(&tenant)).await.unwrap();
        assert_eq!(left.len(), 100);
        assert!(left.iter().all(|row| row.created_at >= time(1100)));
        assert_eq!(store.prune_calls(time(1100)).await.unwrap(), 0);
        store.close().await;
    })
    .await;
}
