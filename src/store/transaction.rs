//! Transactions: how they begin, and when they are run again.

use std::time::Duration;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, Value,
};

use super::{Backend, Store, StoreError, WriteError};

impl Store {
    /// Begins a transaction that will write.
    ///
    /// On SQLite it takes the write lock at once. A transaction that begins by reading and asks for
    /// the lock later fails with `SQLITE_BUSY` as soon as another one has written in between, no
    /// matter how long it would wait.
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        begin(self.database().writes()).await
    }

    /// A statement whose text both databases understand; `$1` stands for the first value.
    pub(super) fn statement<const N: usize>(
        &self,
        sql: impl Into<String>,
        values: [Value; N],
    ) -> Statement {
        Statement::from_sql_and_values(self.database().dialect(), sql, values)
    }

    /// `clause` on PostgreSQL, and nothing on SQLite, where a transaction that writes is alone.
    pub(super) fn locking(&self, clause: &'static str) -> &'static str {
        match self.backend() {
            Backend::Postgres => clause,
            Backend::Sqlite => "",
        }
    }
}

pub(super) async fn begin(
    database: &DatabaseConnection,
) -> Result<DatabaseTransaction, StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    Ok(database.begin_with_options(options).await?)
}

/// Ends a transaction: commits what succeeded, rolls back what failed.
///
/// To drop a transaction would roll it back too, but at some later moment, and until then others
/// would meet its locks.
pub(super) async fn end<T, E: From<DbErr>>(
    transaction: DatabaseTransaction,
    result: Result<T, E>,
) -> Result<T, E> {
    match result {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // When this fails the connection is gone, and the transaction with it.
            let _gone = transaction.rollback().await;
            Err(error)
        }
    }
}

/// An error that may carry a [`StoreError`].
pub(super) trait Failure {
    fn store_error(&self) -> Option<&StoreError>;
}

impl Failure for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl<E> Failure for WriteError<E> {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Refused(_) => None,
        }
    }
}

/// Counts how often a transaction was run, and decides whether it runs again.
///
/// PostgreSQL resolves a deadlock, or a conflict between serializable transactions, by failing one
/// of them; run again from the beginning, it usually succeeds.
#[derive(Default)]
pub(super) struct Retry {
    failures: u32,
}

impl Retry {
    const MOST: u32 = 5;

    /// True when the transaction that ended with `result` should run again; waits before.
    pub(super) async fn again<T, E: Failure>(&mut self, result: &Result<T, E>) -> bool {
        let error = result.as_ref().err().and_then(Failure::store_error);
        if self.failures == Self::MOST || !error.is_some_and(StoreError::is_serialization) {
            return false;
        }
        self.failures += 1;
        tokio::time::sleep(self.pause()).await;
        true
    }

    /// 5 ms, doubling, with up to as much again at random, so that two that met do not meet again.
    fn pause(&self) -> Duration {
        let base = Duration::from_millis(5) * 2u32.pow(self.failures - 1);
        let random = getrandom::u32().unwrap_or_default();
        base + base.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}
