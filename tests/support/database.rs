//! The database behind the server, for what no caller can do: hold a lock, move a time.

use sqlx::{Connection as _, PgConnection, SqliteConnection};

/// A connection of the test's own.
pub enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Database {
    /// Connects to the database at `url`.
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            sqlx::query("PRAGMA busy_timeout = 8000")
                .execute(&mut connection)
                .await
                .unwrap();
            Self::Sqlite(connection)
        } else {
            Self::Postgres(PgConnection::connect(url).await.unwrap())
        }
    }

    /// Runs one statement whose only parameter, `$1`, is a text. Gives how many rows it changed.
    pub async fn execute(&mut self, sql: &'static str, parameter: &str) -> u64 {
        match self {
            Self::Sqlite(connection) => {
                let done = sqlx::query(sql).bind(parameter).execute(connection).await;
                done.unwrap().rows_affected()
            }
            Self::Postgres(connection) => {
                let done = sqlx::query(sql).bind(parameter).execute(connection).await;
                done.unwrap().rows_affected()
            }
        }
    }

    /// Keeps everybody else from writing to the GPT's collections, until [`Database::release`].
    pub async fn hold(&mut self, gpt_id: &str) {
        match self {
            Self::Sqlite(connection) => {
                sqlx::query("BEGIN IMMEDIATE")
                    .execute(connection)
                    .await
                    .unwrap();
            }
            Self::Postgres(connection) => {
                sqlx::query("BEGIN")
                    .execute(&mut *connection)
                    .await
                    .unwrap();
                let lock = sqlx::query("SELECT name FROM collections WHERE gpt_id = $1 FOR UPDATE");
                lock.bind(gpt_id).execute(connection).await.unwrap();
            }
        }
    }

    /// Lets the others go on.
    pub async fn release(&mut self) {
        match self {
            Self::Sqlite(connection) => sqlx::query("ROLLBACK")
                .execute(connection)
                .await
                .map(|_| ()),
            Self::Postgres(connection) => sqlx::query("ROLLBACK")
                .execute(connection)
                .await
                .map(|_| ()),
        }
        .unwrap();
    }
}
