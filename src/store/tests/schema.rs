//! Migrations, and the entities that describe what they make.

use std::collections::BTreeSet;

use sea_orm::{EntityTrait, IdenStatic, Iterable};
use tempfile::TempDir;

use super::support::{migrated, on_both, on_both_alone, sql, sqlite};
use crate::store::entity::{
    api_keys, applications, audit_log, authorization_codes, blobs, collections, events, file_usage,
    files, gpts, idempotency_keys, jobs, kv_namespaces, objects, refresh_tokens, sessions,
    settings, signing_keys, upload_parts, uploads, webhooks,
};
use crate::store::{Backend, Store};

async fn describes<E: EntityTrait<Column: Iterable>>(store: &Store, entity: E, table: &str) {
    assert_eq!(entity.table_name(), table);
    let query = match store.backend() {
        Backend::Postgres => format!(
            "SELECT column_name::text FROM information_schema.columns WHERE table_name = '{table}'"
        ),
        Backend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
    };
    let there: BTreeSet<String> = sql(store, &query).await.into_iter().collect();
    let described = E::Column::iter()
        .map(|column| column.as_str().to_owned())
        .collect();
    assert_eq!(there, described, "{table}");
    E::find().one(store.database().reads()).await.unwrap();
}

#[tokio::test]
async fn entities_describe_the_tables() {
    on_both(async |store| {
        describes(&store, gpts::Entity, "gpts").await;
        describes(&store, api_keys::Entity, "api_keys").await;
        describes(&store, audit_log::Entity, "audit_log").await;
        describes(&store, collections::Entity, "collections").await;
        describes(&store, objects::Entity, "objects").await;
        describes(&store, idempotency_keys::Entity, "idempotency_keys").await;
        describes(&store, jobs::Entity, "jobs").await;
        describes(&store, settings::Entity, "settings").await;
        describes(&store, kv_namespaces::Entity, "kv_namespaces").await;
        describes(&store, files::Entity, "files").await;
        describes(&store, file_usage::Entity, "file_usage").await;
        describes(&store, uploads::Entity, "uploads").await;
        describes(&store, upload_parts::Entity, "upload_parts").await;
        describes(&store, blobs::Entity, "blobs").await;
        describes(&store, applications::Entity, "applications").await;
        describes(&store, sessions::Entity, "sessions").await;
        describes(&store, refresh_tokens::Entity, "refresh_tokens").await;
        describes(&store, authorization_codes::Entity, "authorization_codes").await;
        describes(&store, signing_keys::Entity, "signing_keys").await;
        describes(&store, webhooks::Entity, "webhooks").await;
        describes(&store, events::Entity, "events").await;
    })
    .await;
}

/// The migrator takes no lock of its own: without ours, starters fail on each other's tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_starters_at_once_all_succeed() {
    on_both_alone(async |settings| {
        let starters = (0..6).map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move {
                let store = Store::connect(&settings).await.unwrap();
                store.migrate().await.unwrap();
                assert_eq!(
                    store.pending_migrations().await.unwrap(),
                    Vec::<String>::new()
                );
                store.close().await;
            })
        });
        for starter in starters.collect::<Vec<_>>() {
            starter.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn pending_migrations_are_named_and_make_no_table() {
    on_both_alone(async |settings| {
        let store = Store::connect(&settings).await.unwrap();
        let pending = store.pending_migrations().await.unwrap();
        assert_eq!(
            pending.first().map(String::as_str),
            Some("m20261120_000001_gpts")
        );
        assert_eq!(store.pending_migrations().await.unwrap(), pending);
        store.migrate().await.unwrap();
        assert!(store.pending_migrations().await.unwrap().is_empty());
        store.close().await;
    })
    .await;
}

/// Going back to an older build must be possible while the newer schema still serves it.
#[tokio::test]
async fn a_migration_of_a_newer_build_does_not_hinder() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101', 0)";
        sql(&store, newer).await;
        store.migrate().await.unwrap();
        assert!(store.pending_migrations().await.unwrap().is_empty());
        store.close().await;
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_sqlite_file_is_private_and_safe() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().unwrap();
    let store = migrated(&sqlite(&directory)).await;
    for file in ["store.db", "store.db-wal"] {
        let path = directory.path().join("data").join(file);
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(
        sql(&store, "SELECT journal_mode FROM pragma_journal_mode").await,
        ["wal"]
    );
    let synchronous = "SELECT CAST(synchronous AS text) FROM pragma_synchronous";
    assert_eq!(sql(&store, synchronous).await, ["2"]);
}
