//! All that a database holds, to be compared with what another one holds.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

/// The rows of each table as texts, in order.
pub type Rows = BTreeMap<String, Vec<String>>;

/// Every row of every table of the database at `url`.
pub async fn all(url: &str) -> Rows {
    let rows = match url.starts_with("sqlite:") {
        true => of_sqlite(url).await,
        false => of_postgres(url).await,
    };
    assert!(rows.contains_key("objects"), "{:?}", rows.keys());
    rows
}

/// Panics unless `one` and `other` hold the same rows.
pub fn assert_same(one: &Rows, other: &Rows) {
    assert!(one.keys().eq(other.keys()), "the tables differ");
    for (table, rows) in one {
        assert_eq!(rows, &other[table], "the rows of {table} differ");
    }
}

/// Panics unless every row of `some` is one of `all`, but for those of `except`, which change.
pub fn assert_part(some: &Rows, all: &Rows, except: &[&str]) {
    assert!(some.keys().eq(all.keys()), "the tables differ");
    let compared = some.iter().filter(|(name, _)| !except.contains(&&***name));
    for (table, rows) in compared {
        let known = &all[table];
        let strange = rows.iter().find(|row| known.binary_search(row).is_err());
        assert_eq!(strange, None, "{table} has a row that never was");
    }
}

async fn of_postgres(url: &str) -> Rows {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let names = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let names: Vec<String> = sqlx::query_scalar(names)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let mut tables = Rows::new();
    for name in names {
        let rows = sqlx::query_scalar(AssertSqlSafe(format!("SELECT t::text FROM \"{name}\" t")));
        let mut rows: Vec<String> = rows.fetch_all(&mut connection).await.unwrap();
        rows.sort_unstable();
        tables.insert(name, rows);
    }
    tables
}

async fn of_sqlite(url: &str) -> Rows {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.name, group_concat('quote(\"' || c.name || '\")', ' || '','' || ') \
         FROM sqlite_master m JOIN pragma_table_info(m.name) c \
         WHERE m.type = 'table' GROUP BY m.name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut all = Rows::new();
    for (name, columns) in tables {
        let rows = sqlx::query_scalar(AssertSqlSafe(format!("SELECT {columns} FROM \"{name}\"")));
        let mut rows: Vec<String> = rows.fetch_all(&mut connection).await.unwrap();
        rows.sort_unstable();
        all.insert(name, rows);
    }
    connection.close().await.unwrap();
    all
}
