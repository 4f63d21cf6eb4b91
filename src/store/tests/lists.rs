//! Pages of objects.

use futures::future::join_all;
use uuid::Uuid;

use super::support::{
    collection, create, document, list, object, on_both, query, tenant, time, walk,
};
use crate::ids::Tenant;
use crate::store::{ListQuery, Store};

/// `count` objects `{"n": …, "even": …}`, created `every` at a time; their ids, newest first.
async fn numbered(store: &Store, tenant: &Tenant, count: i64, every: i64) -> Vec<Uuid> {
    collection(store, tenant, "notes").await;
    let mut objects: Vec<_> = (0..count)
        .map(|n| {
            let body = format!(r#"{{"n":{n},"even":{}}}"#, n % 2 == 0);
            object("notes", &body, time(n / every))
        })
        .collect();
    let creates = objects
        .iter()
        .map(|object| store.create_object(tenant, object.clone()));
    for created in join_all(creates).await {
        created.unwrap();
    }
    objects.sort_by_key(|object| std::cmp::Reverse((object.at, object.id)));
    objects.iter().map(|object| object.id).collect()
}

#[tokio::test]
async fn a_walk_meets_everything_once_in_order_also_at_one_moment() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let mut expected = numbered(&store, &tenant, 1000, 1000).await;
        let pages = ListQuery {
            limit: 64,
            ..query()
        };
        assert_eq!(walk(&store, &tenant, "notes", &pages).await, expected);
        expected.reverse();
        let ascending = ListQuery {
            ascending: true,
            ..pages
        };
        assert_eq!(walk(&store, &tenant, "notes", &ascending).await, expected);
    })
    .await;
}

#[tokio::test]
async fn more_is_said_exactly_when_there_is_more() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let expected = numbered(&store, &tenant, 10, 3).await;
        for (limit, more) in [(9, true), (10, false), (11, false)] {
            let page = list(&store, &tenant, "notes", &ListQuery { limit, ..query() }).await;
            assert_eq!(page.more, more, "{limit}");
            assert_eq!(page.items.len(), expected.len().min(limit as usize));
        }
        let empty = list(&store, &tenant, "nowhere", &query()).await;
        assert!(empty.items.is_empty() && !empty.more && empty.position.is_none());
    })
    .await;
}

#[tokio::test]
async fn bounds_on_time_exclude_themselves() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let ids = numbered(&store, &tenant, 10, 1).await;
        let between = ListQuery {
            created_after: Some(time(2)),
            created_before: Some(time(7)),
            limit: 2,
            ..query()
        };
        assert_eq!(walk(&store, &tenant, "notes", &between).await, ids[3..7]);
    })
    .await;
}

#[tokio::test]
async fn a_filter_finds_what_contains_it() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let ids = numbered(&store, &tenant, 300, 7).await;
        let find = async |filter: &str, limit, ascending| {
            let filter = Some(document(filter));
            let pages = ListQuery {
                filter,
                limit,
                ascending,
                ..query()
            };
            walk(&store, &tenant, "notes", &pages).await
        };
        assert_eq!(find(r#"{"n":17.0}"#, 10, false).await.len(), 1);
        assert_eq!(find(r#"{"even":true}"#, 7, false).await.len(), 150);
        assert_eq!(find(r#"{"even":true}"#, 200, true).await.len(), 150);
        assert_eq!(find(r#"{"n":"17"}"#, 10, false).await.len(), 0);
        assert_eq!(find("{}", 50, false).await, ids);
        let exactly = ListQuery {
            filter: Some(document(r#"{"even":true}"#)),
            limit: 150,
            ..query()
        };
        assert!(!list(&store, &tenant, "notes", &exactly).await.more);
    })
    .await;
}

#[tokio::test]
async fn a_page_ends_before_its_budget_but_has_one_object() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        numbered(&store, &tenant, 10, 1).await;
        let size = r#"{"n":9,"even":false}"#.len() + 200;
        for (max_bytes, expected) in [(0, 1), (size, 1), (3 * size, 3), (3 * size - 10, 2)] {
            let page = list(
                &store,
                &tenant,
                "notes",
                &ListQuery {
                    max_bytes,
                    ..query()
                },
            )
            .await;
            assert_eq!(
                (page.items.len(), page.more),
                (expected, true),
                "{max_bytes}"
            );
            let last = page.items.last().map(|item| (item.created_at, item.id));
            assert_eq!(page.position, last);
        }
    })
    .await;
}

/// Large bodies are fetched apart from the page statement; nobody should notice.
#[tokio::test]
async fn campaign_large_and_small_bodies_mix() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let mut ids = Vec::new();
        for number in 0..12i64 {
            let length = [10, 3_000, 20_000, 100_000][number as usize % 4];
            // Text that compresses well, and text that does not.
            let text = match number % 3 {
                0 => "x".repeat(length),
                _ => incompressible(length),
            };
            let body = format!(r#"{{"n":{},"text":"{text}"}}"#, number % 2);
            ids.push(create(&store, &tenant, "notes", &body, time(number)).await);
        }
        ids.reverse();
        for max_bytes in [1, 30_000, 150_000, usize::MAX] {
            for limit in [1, 5, 200] {
                let pages = ListQuery {
                    max_bytes,
                    limit,
                    ..query()
                };
                assert_eq!(walk(&store, &tenant, "notes", &pages).await, ids);
                let odd = ListQuery {
                    filter: Some(document(r#"{"n":1}"#)),
                    ..pages
                };
                assert_eq!(walk(&store, &tenant, "notes", &odd).await.len(), 6);
            }
        }
        let page = list(&store, &tenant, "notes", &query()).await;
        let lengths: Vec<usize> = page
            .items
            .iter()
            .map(|item| item.body.as_str().len())
            .collect();
        assert!(lengths[0] > 100_000 && lengths[11] < 100, "{lengths:?}");
    })
    .await;
}

fn incompressible(length: usize) -> String {
    let mut bytes = vec![0; length / 2];
    getrandom::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that was there throughout appears once, in order, whatever comes and goes meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_is_not_disturbed_by_writers() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let stays = numbered(&store, &tenant, 300, 50).await;
        let writer = {
            let (store, tenant) = (store.clone(), tenant.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let id = create(&store, &tenant, "notes", "{}", time(number % 7)).await;
                    let gone = store.update_object(
                        &tenant,
                        id,
                        || time(0),
                        |_| Ok::<_, ()>(crate::store::Change::Delete),
                    );
                    gone.await.unwrap();
                }
            })
        };
        for ascending in [false, true, false] {
            let pages = ListQuery {
                limit: 11,
                ascending,
                ..query()
            };
            let mut met = walk(&store, &tenant, "notes", &pages).await;
            met.retain(|id| stays.contains(id));
            if ascending {
                met.reverse();
            }
            assert_eq!(met, stays);
        }
        writer.abort();
    })
    .await;
}
