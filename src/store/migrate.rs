//! Bringing the database's schema up to date, while other processes may be doing the same.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use gpt_object_store_migration as migration;
use sea_orm::{DatabaseTransaction, SqlxPostgresConnector, TransactionTrait};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::connect::Database;
use super::{Store, StoreError};

impl Store {
    /// Applies the migrations that the database lacks, all or none of them.
    ///
    /// Any number of processes may call this at once: one works, the others wait and then find
    /// nothing left to do.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match self.database() {
            Database::Sqlite { path, .. } => {
                let _lock = lock_file(path).await?;
                apply(self.begin().await?).await
            }
            Database::Postgres {
                options,
                acquire_timeout,
                ..
            } => migrate_postgres(options, *acquire_timeout).await,
        }
    }

    /// The names of the migrations that this build knows and the database lacks, in order.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        Ok(migration::pending(self.database().reads()).await?)
    }
}

/// Holds the lock on a connection of its own, so that it ends with this process, whatever happens.
/// No statement has a time limit here: waiting for the lock and building an index may take long.
async fn migrate_postgres(
    options: &PgConnectOptions,
    acquire_timeout: Duration,
) -> Result<(), StoreError> {
    let unlimited = options.clone().options([("statement_timeout", "0")]);
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(acquire_timeout)
        .connect_lazy_with(unlimited);
    let mut lock = pool.acquire().await?;
    sqlx::query("SELECT pg_advisory_lock(hashtextextended('gpt-object-store:migrate', 0))")
        .execute(&mut *lock)
        .await?;
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    let migrated = apply(connection.begin().await?).await;
    drop(lock);
    pool.close().await;
    migrated
}

async fn apply(transaction: DatabaseTransaction) -> Result<(), StoreError> {
    migration::apply(&transaction).await?;
    Ok(transaction.commit().await?)
}

/// Waits for the lock on `<database>.migrate.lock`; dropping the file gives it back.
///
/// The lock cannot be one of SQLite's own: the migrator's transactions need those.
async fn lock_file(database: &Path) -> Result<File, StoreError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".migrate.lock");
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).append(true).open(path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    });
    Ok(locked.await.map_err(StoreError::bug)??)
}
