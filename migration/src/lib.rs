//! The database schema of GPT Object Store, one change a file, for SQLite and PostgreSQL.
//!
//! A migration that has been released is never edited: the next change is a new file. None of
//! them imports an entity, because an entity describes today's schema and a migration describes
//! the schema of its day.
//!
//! Tenant first: the key of every table that holds a tenant's data begins with `gpt_id`, so that
//! the tables can be distributed by tenant without a redesign.

use std::collections::HashSet;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigrationTrait, MigratorTrait, SchemaManager,
};

mod m20261120_000001_gpts;
mod m20261120_000002_api_keys;
mod m20261120_000003_collections;
mod m20261120_000004_objects;
mod m20261120_000005_objects_body_containment;
mod m20261120_000006_idempotency_keys;
mod m20261120_000007_settings;
mod m20261121_000008_kv_namespaces;
mod m20261121_000009_kv_entries;
mod m20261121_000010_files;
mod m20261121_000011_file_usage;
mod m20261121_000012_uploads;
mod m20261121_000013_upload_parts;
mod m20261121_000014_blobs;
mod m20261121_000015_api_keys_rate_limits;
mod m20261121_000016_audit_log;
mod m20261121_000017_applications;
mod m20261121_000018_sessions;
mod m20261121_000019_refresh_tokens;
mod m20261121_000020_authorization_codes;
mod m20261121_000021_signing_keys;
mod m20261121_000022_audit_log_callers;
mod m20261121_000023_jobs;
mod m20261121_000024_webhooks;
mod m20261121_000025_events;
mod m20261121_000026_collections_is_forwarded;
mod m20261121_000027_files_collections;

/// Every migration of this build, in the order in which it is applied.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261120_000001_gpts::Migration),
            Box::new(m20261120_000002_api_keys::Migration),
            Box::new(m20261120_000003_collections::Migration),
            Box::new(m20261120_000004_objects::Migration),
            Box::new(m20261120_000005_objects_body_containment::Migration),
            Box::new(m20261120_000006_idempotency_keys::Migration),
            Box::new(m20261120_000007_settings::Migration),
            Box::new(m20261121_000008_kv_namespaces::Migration),
            Box::new(m20261121_000009_kv_entries::Migration),
            Box::new(m20261121_000010_files::Migration),
            Box::new(m20261121_000011_file_usage::Migration),
            Box::new(m20261121_000012_uploads::Migration),
            Box::new(m20261121_000013_upload_parts::Migration),
            Box::new(m20261121_000014_blobs::Migration),
            Box::new(m20261121_000015_api_keys_rate_limits::Migration),
            Box::new(m20261121_000016_audit_log::Migration),
            Box::new(m20261121_000017_applications::Migration),
            Box::new(m20261121_000018_sessions::Migration),
            Box::new(m20261121_000019_refresh_tokens::Migration),
            Box::new(m20261121_000020_authorization_codes::Migration),
            Box::new(m20261121_000021_signing_keys::Migration),
            Box::new(m20261121_000022_audit_log_callers::Migration),
            Box::new(m20261121_000023_jobs::Migration),
            Box::new(m20261121_000024_webhooks::Migration),
            Box::new(m20261121_000025_events::Migration),
            Box::new(m20261121_000026_collections_is_forwarded::Migration),
            Box::new(m20261121_000027_files_collections::Migration),
        ]
    }
}

/// Names of the migrations that this build knows and the database has not seen, in order.
///
/// Never creates a table. Migrations that the database has seen and this build does not know are
/// left out of account: they belong to a newer build, and going back to an older one must be
/// possible as long as the newer schema still serves it.
///
/// # Errors
///
/// What the database reports.
pub async fn pending<'c>(
    connection: impl IntoSchemaManagerConnection<'c>,
) -> Result<Vec<String>, DbErr> {
    let applied = applied(&SchemaManager::new(connection)).await?;
    let known = Migrator::migrations();
    let names = known.iter().map(|migration| migration.name().to_owned());
    Ok(names.filter(|name| !applied.contains(name)).collect())
}

/// Applies all pending migrations within `transaction`, which the caller commits.
///
/// The caller also holds the lock that keeps other starters out: the migrator takes none, and two
/// of them at once fail on each other's tables.
///
/// # Errors
///
/// What the database reports; nothing is applied once the transaction is rolled back.
pub async fn apply(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if pending(transaction).await?.is_empty() {
        return Ok(());
    }
    Migrator::up(transaction, None).await
}

async fn applied(manager: &SchemaManager<'_>) -> Result<HashSet<String>, DbErr> {
    if !manager.has_table("seaql_migrations").await? {
        return Ok(HashSet::new());
    }
    let statement = Statement::from_string(
        manager.get_database_backend(),
        "SELECT version FROM seaql_migrations",
    );
    let rows = manager.get_connection().query_all_raw(statement).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
