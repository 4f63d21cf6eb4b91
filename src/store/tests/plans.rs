//! The statement of a page reads one range of one index, however deep the page lies.

use sea_orm::ConnectionTrait;
use serde_json::Value;

use super::support::{
    collection, document, migrated, notes, on_both_alone, query, sql, tenant, time,
};
use crate::ids::Tenant;
use crate::store::objects::list::page_statement;
use crate::store::{Backend, ListQuery, Store};

const PAGE_INDEX: &str = "objects_gpt_id_collection_created_at_id_idx";

/// 5,000 objects of one collection and as many of another, a microsecond apart.
async fn filled(store: &Store, tenant: &Tenant) {
    for name in ["notes", "other"] {
        collection(store, tenant, name).await;
    }
    let gpt_id = tenant.gpt_id();
    let insert = match store.backend() {
        Backend::Postgres => format!(
            "INSERT INTO objects SELECT '{gpt_id}', gen_random_uuid(), c.name, \
             jsonb_build_object('n', i), 1, at, at FROM generate_series(1, 5000) AS i, \
             collections c, LATERAL (SELECT timestamptz '2026-09-21T13:46:40Z' \
             + i * interval '1 microsecond' AS at) AS t"
        ),
        Backend::Sqlite => format!(
            "INSERT INTO objects WITH RECURSIVE series (i) AS \
             (SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < 5000) \
             SELECT '{gpt_id}', randomblob(16), c.name, json_object('n', i), 1, at, at \
             FROM collections c, (SELECT i, printf('2026-09-21T13:46:40.%06d+00:00', i) AS at \
             FROM series)"
        ),
    };
    sql(store, &insert).await;
    let analyze = match store.backend() {
        Backend::Postgres => "VACUUM ANALYZE objects",
        Backend::Sqlite => "ANALYZE",
    };
    sql(store, analyze).await;
}

/// The plan of the very statement that serves the page.
async fn plan(store: &Store, tenant: &Tenant, query: &ListQuery) -> String {
    let dialect = store.database().dialect();
    let mut statement = page_statement(dialect, tenant, notes(), query, 51);
    let (explain, column) = match store.backend() {
        Backend::Postgres => ("EXPLAIN (FORMAT JSON)", 0),
        Backend::Sqlite => ("EXPLAIN QUERY PLAN", 3),
    };
    statement.sql = format!("{explain} {}", statement.sql);
    let rows = store
        .database()
        .reads()
        .query_all_raw(statement)
        .await
        .unwrap();
    let read = |row: &sea_orm::QueryResult| match store.backend() {
        Backend::Postgres => row.try_get_by_index::<Value>(column).unwrap().to_string(),
        Backend::Sqlite => row.try_get_by_index::<String>(column).unwrap(),
    };
    rows.iter().map(read).collect::<Vec<_>>().join("\n")
}

fn assert_one_index_range(backend: Backend, plan: &str, condition: &str) {
    match backend {
        Backend::Postgres => {
            let mut nodes = Vec::new();
            collect_nodes(&serde_json::from_str(plan).unwrap(), &mut nodes);
            let kinds: Vec<&str> = nodes
                .iter()
                .filter_map(|node| node["Node Type"].as_str())
                .collect();
            assert_eq!(kinds, ["Limit", "Index Scan"], "{plan}");
            let scan = &nodes[1];
            assert_eq!(scan["Index Name"], PAGE_INDEX);
            assert!(
                scan["Index Cond"].as_str().unwrap().contains(condition),
                "{plan}"
            );
            assert!(scan.get("Filter").is_none(), "{plan}");
        }
        Backend::Sqlite => {
            assert!(plan.starts_with("SEARCH objects USING INDEX"), "{plan}");
            assert!(plan.contains(PAGE_INDEX), "{plan}");
            assert!(plan.contains(condition), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}

fn collect_nodes(value: &Value, nodes: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_nodes(item, nodes)),
        Value::Object(members) => {
            if members.contains_key("Node Type") {
                nodes.push(value.clone());
            }
            members
                .values()
                .for_each(|member| collect_nodes(member, nodes));
        }
        _ => {}
    }
}

#[tokio::test]
async fn campaign_a_deep_page_is_one_range_of_the_page_index() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        filled(&store, &tenant).await;
        let deep = Some((time(1000), uuid::Uuid::now_v7()));
        for ascending in [false, true] {
            let position = match (store.backend(), ascending) {
                (Backend::Postgres, false) => "ROW(created_at, id) < ROW(",
                (Backend::Postgres, true) => "ROW(created_at, id) > ROW(",
                (Backend::Sqlite, false) => "(created_at,id)<(?,?)",
                (Backend::Sqlite, true) => "(created_at,id)>(?,?)",
            };
            let page = ListQuery {
                after: deep,
                ascending,
                ..query()
            };
            assert_one_index_range(
                store.backend(),
                &plan(&store, &tenant, &page).await,
                position,
            );

            let bounds = ListQuery {
                after: None,
                created_after: Some(time(10)),
                created_before: Some(time(3000)),
                ..page
            };
            let range = match store.backend() {
                Backend::Postgres => "(created_at > ",
                Backend::Sqlite => "created_at>? AND created_at<?",
            };
            assert_one_index_range(
                store.backend(),
                &plan(&store, &tenant, &bounds).await,
                range,
            );
        }
        store.close().await;
    })
    .await;
}

/// A rare document in a large collection is found by the containment index, not by reading all.
#[tokio::test]
async fn campaign_a_rare_filter_uses_the_containment_index() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        if store.backend() == Backend::Sqlite {
            return;
        }
        let tenant = tenant(&store).await;
        filled(&store, &tenant).await;
        let rare = ListQuery {
            filter: Some(document(r#"{"n":77}"#)),
            ..query()
        };
        let plan = plan(&store, &tenant, &rare).await;
        assert!(plan.contains("objects_body_idx"), "{plan}");
        store.close().await;
    })
    .await;
}
