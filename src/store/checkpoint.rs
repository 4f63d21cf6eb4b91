//! Keeping SQLite's write-ahead log short.
//!
//! SQLite checkpoints by itself, but it can only begin the log anew at a moment when nobody reads
//! from it. Under steady reading that moment never comes, and the log outgrows the database. So
//! once it is long, this waits for that moment, and cuts it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use tokio::sync::watch;

use super::coalesce::Tasks;
use super::connect::Database;

const INTERVAL: Duration = Duration::from_secs(30);
const LONG: u64 = 64 << 20;

/// Starts looking after the log; on PostgreSQL there is nothing to do.
pub(super) fn start(database: &Database, tasks: &mut Tasks) {
    if let Database::Sqlite { writer, path, .. } = database {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let (writer, log) = (writer.clone(), PathBuf::from(log));
        tasks.run(|finish| watch_over(writer, log, finish));
    }
}

async fn watch_over(writer: DatabaseConnection, log: PathBuf, mut finish: watch::Receiver<bool>) {
    loop {
        let finished = finish.wait_for(|finish| *finish);
        if tokio::time::timeout(INTERVAL, finished).await.is_ok() {
            return;
        }
        if let Err(error) = cut(&writer, &log, LONG).await {
            tracing::warn!(%error, "the write-ahead log could not be cut");
        }
    }
}

/// Empties the log at `path` if it is longer than `long` bytes.
async fn cut(writer: &DatabaseConnection, path: &Path, long: u64) -> Result<(), DbErr> {
    let length = tokio::fs::metadata(path).await.map_or(0, |file| file.len());
    if length > long {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        writer.execute_unprepared(checkpoint).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::{DatabaseSettings, Store};

    #[tokio::test]
    async fn a_long_log_is_cut_and_a_short_one_is_left() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("store.db");
        let settings = DatabaseSettings::new(format!("sqlite://{}", path.display()));
        let store = Store::connect(&settings).await.unwrap();
        store.migrate().await.unwrap();
        let log = directory.path().join("store.db-wal");
        let length = || std::fs::metadata(&log).unwrap().len();
        let before = length();
        assert!(before > 0);
        cut(store.database().writes(), &log, before).await.unwrap();
        assert_eq!(length(), before);
        cut(store.database().writes(), &log, before - 1)
            .await
            .unwrap();
        assert_eq!(length(), 0);
        store.close().await;
    }
}
