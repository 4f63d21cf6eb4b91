//! The record of calls: written many at a time, read by time, forgotten after a while.
//!
//! The operator stands above tenants here, as with GPTs and keys.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryTrait, Statement};
use serde_json::json;
use uuid::Uuid;

use super::copy::{CopyConnection, CopyRows};
use super::entity::audit_log::{self, Column};
use super::keyset::{Position, seek};
use super::transaction::end;
use super::{Backend, Store, StoreError, StoreErrorKind};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::GptId;

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// UUID v7.
    pub id: Uuid,
    /// The GPT of the key; `None` for an operator's.
    pub gpt_id: Option<GptId>,
    /// The public id of the key; none for a token that no key stands behind.
    pub key_id: Option<String>,
    /// The application that the caller says it is.
    pub app_id: Option<String>,
    /// The operationId.
    pub operation: String,
    /// The HTTP method.
    pub method: String,
    /// The path, with the names of parameters in braces.
    pub path: String,
    /// What can be told of the request without telling what it says.
    pub request: Document,
    /// The HTTP status of the answer.
    pub status: i32,
    /// How long the answer took.
    pub milliseconds: f64,
    /// The id of the request.
    pub request_id: String,
    /// Where it came from.
    pub client_address: String,
    /// When it came.
    pub created_at: Timestamp,
    /// The client id of the application whose token came with it.
    pub application_id: Option<String>,
    /// The session of that token.
    pub session_id: Option<Uuid>,
    /// What deliveries to the GPT's webhook name the change by that the call made.
    pub memory_service_request_id: Option<String>,
}

/// Which calls.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Those of this GPT.
    pub gpt_id: Option<GptId>,
    /// Those that say they are this application.
    pub app_id: Option<String>,
    /// Those with a token of the application with this client id.
    pub application_id: Option<String>,
    /// Those with the key of this public id, or with a token behind which it stands.
    pub key_id: Option<String>,
    /// Those of this operation.
    pub operation: Option<String>,
    /// Those that were answered with this status.
    pub status: Option<u16>,
    /// Those that were answered with a status of this class: 2 for 200 to 299.
    pub status_class: Option<u16>,
    /// Those that came at this moment or later.
    pub since: Option<Timestamp>,
    /// Those that came before this moment.
    pub until: Option<Timestamp>,
    /// Those before this call, which is the last of the page before.
    pub after: Option<Position>,
    /// Most calls on the page.
    pub limit: u32,
}

/// The columns as both databases are given them, in this order.
const COLUMNS: &str = "gpt_id, id, key_id, app_id, operation, method, path, request, status, \
     milliseconds, request_id, client_address, created_at, application_id, session_id, \
     memory_service_request_id";

impl Store {
    /// Records calls, all or none. What is recorded already stays: a writer that lost the connection
    /// cannot know whether its batch was committed, and sends it again.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn record_calls(&self, rows: &[AuditRow]) -> Result<(), StoreError> {
        match self.backend() {
            Backend::Postgres => self.record_on_postgres(rows).await,
            Backend::Sqlite => self.record_on_sqlite(rows).await,
        }
    }

    async fn record_on_postgres(&self, rows: &[AuditRow]) -> Result<(), StoreError> {
        let database = self.database().writes();
        let pool = database.get_postgres_connection_pool();
        let mut connection = CopyConnection::acquire(pool).await?;
        let copy = format!("COPY audit_log ({COLUMNS}) FROM STDIN (FORMAT binary)");
        let copied = binary(rows).copy(&mut connection, &copy).await;
        connection.release();
        match copied {
            Err(error) if matches!(error.kind(), StoreErrorKind::UniqueViolation(_)) => {
                database.execute_raw(self.record_the_rest(rows)).await?;
                Ok(())
            }
            copied => copied.map(|_| ()),
        }
    }

    /// For a batch of which something is recorded already, which `COPY` cannot pass over.
    fn record_the_rest(&self, rows: &[AuditRow]) -> Statement {
        let records: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "gpt_id": row.gpt_id.as_ref().map_or("", GptId::as_str),
                    "id": row.id,
                    "key_id": row.key_id.as_deref().unwrap_or_default(),
                    "app_id": row.app_id,
                    "operation": row.operation,
                    "method": row.method,
                    "path": row.path,
                    "request": row.request.as_str(),
                    "status": row.status,
                    "milliseconds": row.milliseconds,
                    "request_id": row.request_id,
                    "client_address": row.client_address,
                    "created_at": row.created_at,
                    "application_id": row.application_id,
                    "session_id": row.session_id,
                    "memory_service_request_id": row.memory_service_request_id,
                })
            })
            .collect();
        let sql = format!(
            "INSERT INTO audit_log ({COLUMNS}) \
             SELECT gpt_id, id, key_id, app_id, operation, method, path, request::jsonb, status, \
             milliseconds, request_id, client_address, created_at, application_id, session_id, \
             memory_service_request_id FROM json_to_recordset(json($1)) AS r (gpt_id text, id uuid, key_id text, app_id text, \
             operation text, method text, path text, request text, status integer, \
             milliseconds double precision, request_id text, client_address text, \
             created_at timestamptz, application_id text, session_id uuid, \
             memory_service_request_id text) \
             ON CONFLICT (gpt_id, id) DO NOTHING"
        );
        let records = serde_json::Value::Array(records).to_string();
        self.statement(sql, [records.into()])
    }

    /// SQLite has no arrays, and a prepared statement costs it little.
    async fn record_on_sqlite(&self, rows: &[AuditRow]) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let mut outcome = Ok(());
        for row in rows {
            let sql = format!(
                "INSERT INTO audit_log ({COLUMNS}) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, json($8), $9, $10, $11, $12, $13, $14, $15, \
                 $16) \
                 ON CONFLICT (gpt_id, id) DO NOTHING"
            );
            let insert = self.statement(
                sql,
                [
                    row.gpt_id.as_ref().map_or("", GptId::as_str).into(),
                    row.id.into(),
                    row.key_id.as_deref().unwrap_or_default().into(),
                    row.app_id.as_deref().into(),
                    row.operation.as_str().into(),
                    row.method.as_str().into(),
                    row.path.as_str().into(),
                    (&row.request).into(),
                    row.status.into(),
                    row.milliseconds.into(),
                    row.request_id.as_str().into(),
                    row.client_address.as_str().into(),
                    row.created_at.into(),
                    row.application_id.as_deref().into(),
                    row.session_id.into(),
                    row.memory_service_request_id.as_deref().into(),
                ],
            );
            outcome = transaction.execute_raw(insert).await.map(|_| ());
            if outcome.is_err() {
                break;
            }
        }
        Ok(end(transaction, outcome).await?)
    }

    /// A page of the record, the latest call first.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_calls(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        let mut found = audit_log::Entity::find()
            .apply_if(query.gpt_id.as_ref(), |found, gpt_id| {
                found.filter(Column::GptId.eq(gpt_id.as_str()))
            })
            .apply_if(query.app_id.as_deref(), |found, app_id| {
                found.filter(Column::AppId.eq(app_id))
            })
            .apply_if(query.application_id.as_deref(), |found, application_id| {
                found.filter(Column::ApplicationId.eq(application_id))
            })
            .apply_if(query.operation.as_deref(), |found, operation| {
                found.filter(Column::Operation.eq(operation))
            })
            .apply_if(query.status, |found, status| {
                found.filter(Column::Status.eq(i32::from(status)))
            })
            .apply_if(query.key_id.as_deref(), |found, key_id| {
                found.filter(Column::KeyId.eq(key_id))
            })
            .apply_if(query.status_class, |found, class| {
                let first = 100 * i32::from(class);
                found.filter(Column::Status.between(first, first + 99))
            })
            .apply_if(query.since, |found, since| {
                found.filter(Expr::col(Column::CreatedAt).gte(since))
            })
            .apply_if(query.until, |found, until| {
                found.filter(Expr::col(Column::CreatedAt).lt(until))
            });
        let select = QueryTrait::query(&mut found);
        select.limit(u64::from(query.limit));
        seek(select, (Column::CreatedAt, Column::Id), query.after, false);
        let rows = found.all(self.database().reads()).await?;
        rows.into_iter().map(AuditRow::try_from).collect()
    }

    /// Forgets the calls before `moment`, in batches, and says how many there were.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn prune_calls(&self, moment: Timestamp) -> Result<u64, StoreError> {
        const BATCH: u64 = 500;
        let mut pruned = 0;
        loop {
            let deleted = self.prune_batch(moment, BATCH).await?;
            pruned += deleted;
            if deleted < BATCH {
                return Ok(pruned);
            }
        }
    }

    /// Small transactions, so that nobody waits long behind a prune.
    async fn prune_batch(&self, moment: Timestamp, most: u64) -> Result<u64, StoreError> {
        let skip_locked = self.locking(" FOR UPDATE SKIP LOCKED");
        let delete = self.statement(
            format!(
                "DELETE FROM audit_log WHERE (gpt_id, id) IN (\
                 SELECT gpt_id, id FROM audit_log WHERE created_at < $1 \
                 ORDER BY created_at LIMIT {most}{skip_locked})"
            ),
            [moment.into()],
        );
        let deleted = self.database().writes().execute_raw(delete).await?;
        Ok(deleted.rows_affected())
    }
}

/// `rows` for `COPY`, with [`COLUMNS`].
fn binary(rows: &[AuditRow]) -> CopyRows {
    /// About what a row takes.
    const BYTES: usize = 400;
    let mut copy = CopyRows::with_capacity(BYTES * rows.len());
    for row in rows {
        copy.row(16)
            .text(row.gpt_id.as_ref().map_or("", GptId::as_str))
            .uuid(row.id)
            .text(row.key_id.as_deref().unwrap_or_default())
            .nullable(row.app_id.as_deref(), CopyRows::text)
            .text(&row.operation)
            .text(&row.method)
            .text(&row.path)
            .jsonb(&row.request)
            .integer(row.status)
            .double(row.milliseconds)
            .text(&row.request_id)
            .text(&row.client_address)
            .timestamp(row.created_at)
            .nullable(row.application_id.as_deref(), CopyRows::text)
            .nullable(row.session_id, CopyRows::uuid)
            .nullable(row.memory_service_request_id.as_deref(), CopyRows::text);
    }
    copy
}

impl TryFrom<audit_log::Model> for AuditRow {
    type Error = StoreError;

    fn try_from(row: audit_log::Model) -> Result<Self, StoreError> {
        let gpt_id = Some(row.gpt_id).filter(|gpt_id| !gpt_id.is_empty());
        let gpt_id = gpt_id.map(|gpt_id| gpt_id.parse()).transpose();
        Ok(Self {
            id: row.id,
            gpt_id: gpt_id.map_err(StoreError::bug)?,
            key_id: Some(row.key_id).filter(|key_id| !key_id.is_empty()),
            app_id: row.app_id,
            operation: row.operation,
            method: row.method,
            path: row.path,
            request: row.request,
            status: row.status,
            milliseconds: row.milliseconds,
            request_id: row.request_id,
            client_address: row.client_address,
            created_at: row.created_at,
            application_id: row.application_id,
            session_id: row.session_id,
            memory_service_request_id: row.memory_service_request_id,
        })
    }
}
