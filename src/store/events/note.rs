//! Writing events, in the transactions of the changes that they tell of.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, Value};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::EventKind;
use crate::clock::Timestamp;
use crate::ids::{CollectionName, GptId, Tenant};
use crate::store::{Backend, Store, StoreError};

/// An object that was changed.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct NotedChange<'a> {
    pub(in crate::store) gpt_id: &'a GptId,
    pub(in crate::store) object_id: Uuid,
    /// Names what was changed together, so that a delivery and a call can be told to belong together.
    pub(in crate::store) change_id: Uuid,
}

/// An event copies the object as it stands: after it was created or updated, and before it is deleted.
///
/// It is due when its predecessors of the same object are, so that one that waits for another attempt
/// keeps the others behind it. Nobody else changes the object before the commit, so `seq` is free.
fn insert(kind: EventKind, change: &str, objects: &str) -> String {
    let body = match kind {
        EventKind::Created | EventKind::Updated => "o.body",
        EventKind::Deleted => "NULL",
    };
    let kind = kind.as_str();
    let before = "SELECT max(e.seq) FROM events e WHERE e.gpt_id = o.gpt_id AND e.object_id = o.id";
    let waiting = "SELECT max(e.run_at) FROM events e WHERE e.gpt_id = o.gpt_id \
         AND e.object_id = o.id AND e.state = 'pending' AND e.run_at > $1";
    format!(
        "INSERT INTO events (gpt_id, object_id, seq, change_id, kind, collection, version, body, \
         created_at, updated_at, changed_at, state, attempts, run_at) \
         SELECT o.gpt_id, o.id, coalesce(({before}), 0) + 1, {change}, '{kind}', o.collection, \
         o.version, {body}, o.created_at, o.updated_at, $1, 'pending', 0, coalesce(({waiting}), $1) \
         {objects}"
    )
}

impl Store {
    /// Notes that these objects were changed, or will be deleted, in `transaction`.
    pub(in crate::store) async fn note_changes(
        &self,
        transaction: &DatabaseTransaction,
        kind: EventKind,
        at: Timestamp,
        changes: &[NotedChange<'_>],
    ) -> Result<(), StoreError> {
        for statement in self.note_statements(kind, at, changes) {
            transaction.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// The statements that do this: one for all on PostgreSQL, one for each on SQLite.
    fn note_statements(
        &self,
        kind: EventKind,
        at: Timestamp,
        changes: &[NotedChange<'_>],
    ) -> Vec<Statement> {
        if changes.is_empty() {
            return Vec::new();
        }
        match self.backend() {
            Backend::Postgres => vec![note_all(kind, at, changes)],
            Backend::Sqlite => {
                let each = changes.iter();
                each.map(|change| note_on_sqlite(kind, at, *change))
                    .collect()
            }
        }
    }

    /// Notes that all objects of a collection will be deleted in `transaction`.
    pub(in crate::store) async fn note_deletion_of_all(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        collection: &CollectionName,
        change_id: Uuid,
    ) -> Result<(), StoreError> {
        let objects = "FROM objects o WHERE o.gpt_id = $3 AND o.collection = $4";
        let note = self.statement(
            insert(EventKind::Deleted, "$2", objects),
            [
                Timestamp::now().into(),
                change_id.into(),
                tenant.gpt_id().into(),
                collection.into(),
            ],
        );
        transaction.execute_raw(note).await?;
        Ok(())
    }
}

/// Notes one change, on SQLite.
pub(in crate::store) fn note_on_sqlite(
    kind: EventKind,
    at: Timestamp,
    change: NotedChange<'_>,
) -> Statement {
    let objects = "FROM objects o WHERE o.gpt_id = $3 AND o.id = $4";
    let values: [Value; 4] = [
        at.into(),
        change.change_id.into(),
        change.gpt_id.into(),
        change.object_id.into(),
    ];
    Statement::from_sql_and_values(DbBackend::Sqlite, insert(kind, "$2", objects), values)
}

/// Notes changes of any GPTs, on a connection to PostgreSQL itself.
pub(in crate::store) async fn note_on_postgres(
    connection: &mut PgConnection,
    kind: EventKind,
    at: Timestamp,
    changes: &[NotedChange<'_>],
) -> Result<(), sqlx::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let gpts = changes.iter().map(|change| change.gpt_id.as_str());
    let objects = changes.iter().map(|change| change.object_id);
    let names = changes.iter().map(|change| change.change_id);
    sqlx::query(AssertSqlSafe(insert_many(kind)))
        .bind(DateTime::<Utc>::from(at))
        .bind(gpts.collect::<Vec<_>>())
        .bind(objects.collect::<Vec<_>>())
        .bind(names.collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// `$1` is when, and then come the GPTs, the objects and the changes.
fn insert_many(kind: EventKind) -> String {
    let objects = "FROM unnest($2::text[], $3::uuid[], $4::uuid[]) AS u (gpt_id, id, change_id) \
         JOIN objects o ON o.gpt_id = u.gpt_id AND o.id = u.id";
    insert(kind, "u.change_id", objects)
}

fn note_all(kind: EventKind, at: Timestamp, changes: &[NotedChange<'_>]) -> Statement {
    let gpts = changes.iter().map(|change| change.gpt_id.to_string());
    let values: [Value; 4] = [
        at.into(),
        gpts.collect::<Vec<_>>().into(),
        ids(changes, |change| change.object_id),
        ids(changes, |change| change.change_id),
    ];
    Statement::from_sql_and_values(DbBackend::Postgres, insert_many(kind), values)
}

fn ids(changes: &[NotedChange<'_>], id: fn(&NotedChange<'_>) -> Uuid) -> Value {
    changes.iter().map(id).collect::<Vec<_>>().into()
}
