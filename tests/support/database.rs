//! The database behind the server, for what no caller can do: hold a lock, move a time.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

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

    /// The texts that a query finds whose only parameter, `$1`, is a text.
    pub async fn texts(&mut self, sql: &'static str, parameter: &str) -> Vec<String> {
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_scalar(sql).bind(parameter);
                query.fetch_all(connection).await.unwrap()
            }
            Self::Postgres(connection) => {
                let query = sqlx::query_scalar(sql).bind(parameter);
                query.fetch_all(connection).await.unwrap()
            }
        }
    }

    /// Every table that has a column for the GPT whose its rows are.
    pub async fn tables_of_gpts(&mut self) -> Vec<String> {
        match self {
            Self::Sqlite(connection) => {
                let tables = sqlx::query_scalar(
                    "SELECT m.name FROM sqlite_master m \
                     JOIN pragma_table_info(m.name) c ON c.name = 'gpt_id' WHERE m.type = 'table'",
                );
                tables.fetch_all(connection).await.unwrap()
            }
            Self::Postgres(connection) => {
                let tables = sqlx::query_scalar(
                    "SELECT table_name::text FROM information_schema.columns \
                     WHERE column_name = 'gpt_id' AND table_schema = current_schema()",
                );
                tables.fetch_all(connection).await.unwrap()
            }
        }
    }

    /// How many rows of `table` are the GPT's.
    pub async fn count(&mut self, table: &str, gpt_id: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE gpt_id = $1"));
        match self {
            Self::Sqlite(connection) => {
                let count = sqlx::query_scalar(sql).bind(gpt_id);
                count.fetch_one(connection).await.unwrap()
            }
            Self::Postgres(connection) => {
                let count = sqlx::query_scalar(sql).bind(gpt_id);
                count.fetch_one(connection).await.unwrap()
            }
        }
    }

    /// An application of the GPT, with all that it can be granted.
    pub async fn fill_grants(&mut self, gpt_id: &str) {
        let id = Uuid::new_v4();
        let (id, hash) = match self {
            Self::Sqlite(_) => (format!("x'{}'", id.simple()), "CAST($1 AS BLOB)"),
            Self::Postgres(_) => (format!("'{id}'::uuid"), "convert_to($1, 'UTF8')"),
        };
        for insert in [
            "applications (gpt_id, id, client_id, name, is_public, scopes, redirect_uris, \
             created_at, updated_at) VALUES ($1, {id}, 'app_' || $1, 'a', true, '', '[]', {at}, {at})",
            "sessions (gpt_id, id, application_id, grant_type, scopes, created_at, last_activity, \
             expires_at) VALUES ($1, {id}, {id}, 'authorization_code', '', {at}, {at}, {at})",
            "refresh_tokens (gpt_id, token_hash, session_id, created_at, expires_at) \
             VALUES ($1, {hash}, {id}, {at}, {at})",
            "authorization_codes (gpt_id, code_hash, application_id, redirect_uri, scopes, key_id, \
             created_at, expires_at) VALUES ($1, {hash}, {id}, '', '', '', {at}, {at})",
        ] {
            let values = insert
                .replace("{id}", &id)
                .replace("{hash}", hash)
                .replace("{at}", "'2126-01-01T00:00:00+00:00'");
            let sql = AssertSqlSafe(format!("INSERT INTO {values}"));
            match self {
                Self::Sqlite(connection) => {
                    let insert = sqlx::query(sql).bind(gpt_id).execute(connection);
                    insert.await.unwrap();
                }
                Self::Postgres(connection) => {
                    let insert = sqlx::query(sql).bind(gpt_id).execute(connection);
                    insert.await.unwrap();
                }
            }
        }
    }

    /// Opens a session of the application, as consent would, and gives its id.
    pub async fn open_session(&mut self, client_id: &str) -> String {
        let id = Uuid::now_v7();
        let literal = match self {
            Self::Sqlite(_) => format!("x'{}'", id.simple()),
            Self::Postgres(_) => format!("'{id}'::uuid"),
        };
        let at = "'2126-01-01T00:00:00+00:00'";
        let sql = format!(
            "INSERT INTO sessions (gpt_id, id, application_id, grant_type, scopes, created_at, \
             last_activity, expires_at) SELECT gpt_id, {literal}, id, 'authorization_code', \
             'objects:read', {at}, {at}, {at} FROM applications WHERE client_id = $1"
        );
        // PostgreSQL takes no text for a time that is selected.
        let sql = match self {
            Self::Sqlite(_) => sql,
            Self::Postgres(_) => sql.replace(at, &format!("timestamptz {at}")),
        };
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(connection) => {
                let insert = sqlx::query(sql).bind(client_id).execute(connection);
                insert.await.unwrap();
            }
            Self::Postgres(connection) => {
                let insert = sqlx::query(sql).bind(client_id).execute(connection);
                insert.await.unwrap();
            }
        }
        id.to_string()
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
