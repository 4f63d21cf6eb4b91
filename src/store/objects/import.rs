//! Objects that come from a file, together with how far the file was read.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::Tenant;
use crate::store::events::{NotedChange, note_on_postgres};
use crate::store::transaction::{Failure, Retry, end};
use crate::store::values::postgres_arguments;
use crate::store::{Backend, EventKind, Holding, ObjectRow, Store, StoreError};

/// An object to be taken over as it is.
#[derive(Clone, Debug)]
pub struct ImportedObject {
    /// The object, valid under the schema of that version of its collection.
    pub row: ObjectRow,
    /// The id of the collection.
    pub collection_id: Uuid,
    /// The version of the collection that the body was validated against.
    pub collection_version: i64,
    /// Whether the collection's changes are forwarded.
    pub is_forwarded: bool,
}

/// Why a batch was not imported.
#[derive(Debug)]
pub enum ImportError {
    /// A collection is not there, or its version is not the one that a body was validated against.
    CollectionChanged,
    /// Somebody else has the job by now.
    Lost,
    /// The database failed.
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for ImportError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl Failure for ImportError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::CollectionChanged | Self::Lost => None,
        }
    }
}

impl Store {
    /// Inserts `objects`, which have different ids, and keeps the progress of the job that is
    /// `held`, in one transaction: each counts once, however often a worker dies. Returns the ids
    /// that were taken before; those objects are left as they are.
    ///
    /// `progress` is asked with these ids, again when the transaction is run again.
    ///
    /// # Errors
    ///
    /// [`ImportError`]; nothing is changed then.
    pub async fn import_objects(
        &self,
        tenant: &Tenant,
        objects: &[ImportedObject],
        held: &Holding,
        progress: impl Fn(&HashSet<Uuid>) -> Document,
    ) -> Result<HashSet<Uuid>, ImportError> {
        let visible = |object: &ImportedObject| tenant.sees(&object.row.collection);
        if !objects.iter().all(visible) {
            return Err(ImportError::CollectionChanged);
        }
        let mut retry = Retry::default();
        loop {
            let result = match self.backend() {
                Backend::Postgres => {
                    self.import_on_postgres(tenant, objects, held, &progress)
                        .await
                }
                Backend::Sqlite => {
                    self.import_on_sqlite(tenant, objects, held, &progress)
                        .await
                }
            };
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn import_on_postgres(
        &self,
        tenant: &Tenant,
        objects: &[ImportedObject],
        held: &Holding,
        progress: impl Fn(&HashSet<Uuid>) -> Document,
    ) -> Result<HashSet<Uuid>, ImportError> {
        let pool: &PgPool = self.database().writes().get_postgres_connection_pool();
        let mut connection = pool.acquire().await?;
        // Dropped without a commit, it is rolled back.
        let mut transaction = connection.begin().await?;
        let inserted = insert_arrays(&mut transaction, tenant, objects).await?;
        note_all(&mut transaction, tenant, objects, &inserted, held.job_id()).await?;
        let mut taken = missing(objects, &inserted);
        if !taken.is_empty() {
            let there = ids_there(&mut transaction, tenant, &taken).await?;
            if there.len() < taken.len() {
                return Err(ImportError::CollectionChanged);
            }
            taken = there;
        }
        let noted = self.progress_statement(held, &progress(&taken), Timestamp::now());
        let arguments = postgres_arguments(noted.values)?;
        let noted = sqlx::query_with(AssertSqlSafe(noted.sql), arguments)
            .execute(&mut *transaction)
            .await?;
        if noted.rows_affected() == 0 {
            return Err(ImportError::Lost);
        }
        transaction.commit().await?;
        Ok(taken)
    }

    /// SQLite has no arrays, and a prepared statement costs it little.
    async fn import_on_sqlite(
        &self,
        tenant: &Tenant,
        objects: &[ImportedObject],
        held: &Holding,
        progress: impl Fn(&HashSet<Uuid>) -> Document,
    ) -> Result<HashSet<Uuid>, ImportError> {
        let transaction = self.begin().await?;
        let imported = self
            .import_each(&transaction, tenant, objects, held, progress)
            .await;
        end(transaction, imported).await
    }

    async fn import_each(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        objects: &[ImportedObject],
        held: &Holding,
        progress: impl Fn(&HashSet<Uuid>) -> Document,
    ) -> Result<HashSet<Uuid>, ImportError> {
        let mut taken = HashSet::new();
        for object in objects {
            if !self.import_one(transaction, tenant, object).await? {
                taken.insert(object.row.id);
            } else if object.is_forwarded {
                let change = change(tenant, object, held.job_id());
                self.note_changes(transaction, EventKind::Created, Timestamp::now(), &[change])
                    .await?;
            }
        }
        let noted = self.progress_statement(held, &progress(&taken), Timestamp::now());
        if transaction.execute_raw(noted).await?.rows_affected() == 0 {
            return Err(ImportError::Lost);
        }
        Ok(taken)
    }

    /// Inserts one object. False when its id is taken.
    async fn import_one(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        object: &ImportedObject,
    ) -> Result<bool, ImportError> {
        let row = &object.row;
        let insert = self.statement(
            "INSERT INTO objects (gpt_id, id, collection, body, version, created_at, updated_at) \
             SELECT c.gpt_id, $2, c.name, json($4), $5, $6, $7 FROM collections c \
             WHERE c.gpt_id = $1 AND c.name = $3 AND c.version = $8 AND c.id = $9 \
             AND c.is_forwarded = $10 \
             ON CONFLICT (gpt_id, id) DO NOTHING",
            [
                tenant.gpt_id().into(),
                row.id.into(),
                (&row.collection).into(),
                (&row.body).into(),
                row.version.into(),
                row.created_at.into(),
                row.updated_at.into(),
                object.collection_version.into(),
                object.collection_id.into(),
                object.is_forwarded.into(),
            ],
        );
        if transaction.execute_raw(insert).await?.rows_affected() == 1 {
            return Ok(true);
        }
        let find = self.statement(
            "SELECT 1 FROM objects WHERE gpt_id = $1 AND id = $2",
            [tenant.gpt_id().into(), row.id.into()],
        );
        match transaction.query_one_raw(find).await? {
            Some(_) => Ok(false),
            None => Err(ImportError::CollectionChanged),
        }
    }
}

/// Inserts all objects whose id is free and whose collection is as expected, with one statement.
async fn insert_arrays(
    connection: &mut PgConnection,
    tenant: &Tenant,
    objects: &[ImportedObject],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    /// As for one that is created, a change of a collection that is under way is waited for.
    const INSERT: &str = "INSERT INTO objects \
         (gpt_id, id, collection, body, version, created_at, updated_at) \
         SELECT $1, u.id, u.collection, u.body::jsonb, u.version, u.created_at, u.updated_at \
         FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], \
                     $7::timestamptz[], $8::bigint[], $9::uuid[], $10::boolean[]) \
              AS u (id, collection, body, version, created_at, updated_at, \
                    collection_version, collection_id, is_forwarded) \
         JOIN collections c ON c.gpt_id = $1 AND c.name = u.collection \
                               AND c.version = u.collection_version AND c.id = u.collection_id \
                               AND c.is_forwarded = u.is_forwarded \
         FOR SHARE OF c ON CONFLICT (gpt_id, id) DO NOTHING RETURNING id";
    if objects.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = || objects.iter().map(|object| &object.row);
    let times = |time: fn(&ObjectRow) -> Timestamp| -> Vec<DateTime<Utc>> {
        rows().map(|row| time(row).into()).collect()
    };
    let versions = objects.iter().map(|object| object.collection_version);
    let collections = objects.iter().map(|object| object.collection_id);
    let inserted: Vec<Uuid> = sqlx::query_scalar(INSERT)
        .bind(tenant.gpt_id().as_str())
        .bind(rows().map(|row| row.id).collect::<Vec<_>>())
        .bind(
            rows()
                .map(|row| row.collection.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(rows().map(|row| row.body.as_str()).collect::<Vec<_>>())
        .bind(rows().map(|row| row.version).collect::<Vec<_>>())
        .bind(times(|row| row.created_at))
        .bind(times(|row| row.updated_at))
        .bind(versions.collect::<Vec<_>>())
        .bind(collections.collect::<Vec<_>>())
        .bind(
            objects
                .iter()
                .map(|object| object.is_forwarded)
                .collect::<Vec<_>>(),
        )
        .fetch_all(connection)
        .await?;
    Ok(inserted.into_iter().collect())
}

/// Notes those that were inserted and are to be forwarded, under the name of the job.
async fn note_all(
    connection: &mut PgConnection,
    tenant: &Tenant,
    objects: &[ImportedObject],
    inserted: &HashSet<Uuid>,
    job_id: Uuid,
) -> Result<(), sqlx::Error> {
    let is_noted =
        |object: &&ImportedObject| object.is_forwarded && inserted.contains(&object.row.id);
    let noted: Vec<_> = objects
        .iter()
        .filter(is_noted)
        .map(|object| object.row.id)
        .collect();
    if noted.is_empty() {
        return Ok(());
    }
    sqlx::query(AssertSqlSafe(note_on_postgres(EventKind::Created)))
        .bind(DateTime::<Utc>::from(Timestamp::now()))
        .bind(vec![tenant.gpt_id().as_str(); noted.len()])
        .bind(&noted)
        .bind(vec![job_id; noted.len()])
        .execute(connection)
        .await?;
    Ok(())
}

fn change<'a>(tenant: &'a Tenant, object: &ImportedObject, job_id: Uuid) -> NotedChange<'a> {
    NotedChange {
        gpt_id: tenant.gpt_id(),
        object_id: object.row.id,
        change_id: job_id,
    }
}

fn missing(objects: &[ImportedObject], inserted: &HashSet<Uuid>) -> HashSet<Uuid> {
    let ids = objects.iter().map(|object| object.row.id);
    ids.filter(|id| !inserted.contains(id)).collect()
}

/// Those of `ids` that the tenant has.
async fn ids_there(
    connection: &mut PgConnection,
    tenant: &Tenant,
    ids: &HashSet<Uuid>,
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let there: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM objects WHERE gpt_id = $1 AND id = ANY($2)")
            .bind(tenant.gpt_id().as_str())
            .bind(ids.iter().copied().collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
    Ok(there.into_iter().collect())
}
