//! A small change of a large namespace is a small piece of work.

use sea_orm::{ConnectionTrait, Statement};

use super::support::{migrated, on_postgres_alone, sql, tenant};
use crate::ids::NamespaceName;
use crate::store::{EntryChange, NamespacePatch, Store};

async fn plan(store: &Store, mut statement: Statement) -> String {
    statement.sql = format!("EXPLAIN {}", statement.sql);
    let rows = store.database().reads().query_all_raw(statement).await;
    let lines = rows.unwrap();
    let lines = lines
        .iter()
        .map(|row| row.try_get_by_index::<String>(0).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Also when PostgreSQL has no statistics yet, as after the first patches of a namespace.
#[tokio::test]
async fn keys_are_looked_up_one_by_one() {
    on_postgres_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        let gpt_id = tenant.gpt_id();
        let name: NamespaceName = "large".parse().unwrap();
        sql(
            &store,
            "ALTER TABLE kv_entries SET (autovacuum_enabled = off)",
        )
        .await;
        sql(
            &store,
            &format!(
                "INSERT INTO kv_namespaces VALUES ('{gpt_id}', 'large', 1, 0, 'test', now(), now())"
            ),
        )
        .await;
        sql(
            &store,
            &format!(
                "INSERT INTO kv_entries SELECT '{gpt_id}', 'large', 'key-' || i, 'x' \
                 FROM generate_series(1, 5000) AS i"
            ),
        )
        .await;
        let delete = NamespacePatch {
            changes: vec![EntryChange {
                key: "key-7".to_owned(),
                entry: None,
            }],
            updated_by: "test".to_owned(),
            wants_entries: false,
        };
        let mut statements = store.sizes_of_entries(&tenant, &name, vec!["key-7".to_owned()]);
        statements.extend(store.entries_on_postgres(&tenant, &name, &delete));
        assert_eq!(statements.len(), 2);
        for statement in statements {
            let plan = plan(&store, statement).await;
            let condition = plan
                .lines()
                .find(|line| line.contains("Index Cond"))
                .unwrap();
            assert!(condition.contains("key = "), "{plan}");
            assert!(!plan.contains("Filter"), "{plan}");
        }
        store.close().await;
    })
    .await;
}
