//! Objects that come from a file, together with how far the file was read.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::Tenant;
use crate::store::copy::{CopyConnection, CopyRows};
use crate::store::events::{NotedChange, note_on_postgres, note_on_sqlite};
use crate::store::transaction::{Failure, Retry, end};
use crate::store::values::postgres_arguments;
use crate::store::{Backend, EventKind, Holding, ObjectRow, Store, StoreError, StoreErrorKind};

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
    /// Whether its id came with it, and so may be taken; one that was made for it is not.
    pub has_own_id: bool,
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
        let mut connection = CopyConnection::acquire(pool).await?;
        // Dropped without a commit, it is rolled back.
        let mut transaction = connection.begin().await?;
        let mut taken = HashSet::new();
        if !objects.is_empty() {
            hold_collections(&mut transaction, tenant, objects).await?;
            taken = ids_there(&mut transaction, tenant, objects).await?;
            copy_free(&mut transaction, tenant, objects, &taken).await?;
            note_free(&mut transaction, tenant, objects, &taken, held.job_id()).await?;
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
        connection.release();
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
                let change = NotedChange {
                    gpt_id: tenant.gpt_id(),
                    object_id: object.row.id,
                    change_id: held.job_id(),
                };
                let note = note_on_sqlite(EventKind::Created, Timestamp::now(), change);
                transaction.execute_raw(note).await?;
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

/// Locks the collections of `objects` as for one that is created: a change that is under way is
/// waited for, and none comes before the end of the transaction.
async fn hold_collections(
    connection: &mut PgConnection,
    tenant: &Tenant,
    objects: &[ImportedObject],
) -> Result<(), ImportError> {
    const HOLD: &str = "SELECT name, id, version, is_forwarded FROM collections \
         WHERE gpt_id = $1 AND name = ANY($2) ORDER BY name FOR SHARE";
    let expected: HashSet<(&str, Uuid, i64, bool)> = objects
        .iter()
        .map(|object| {
            let name = object.row.collection.as_str();
            (
                name,
                object.collection_id,
                object.collection_version,
                object.is_forwarded,
            )
        })
        .collect();
    let names: Vec<&str> = expected.iter().map(|(name, ..)| *name).collect();
    let held: Vec<(String, Uuid, i64, bool)> = sqlx::query_as(HOLD)
        .bind(tenant.gpt_id().as_str())
        .bind(names)
        .fetch_all(connection)
        .await?;
    let held = held.iter();
    let held = held
        .map(|(name, id, version, is_forwarded)| (name.as_str(), *id, *version, *is_forwarded))
        .collect();
    if expected.is_subset(&held) {
        Ok(())
    } else {
        Err(ImportError::CollectionChanged)
    }
}

/// The ids of `objects` that the tenant has already.
async fn ids_there(
    connection: &mut PgConnection,
    tenant: &Tenant,
    objects: &[ImportedObject],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let ids = objects.iter().filter(|object| object.has_own_id);
    let ids: Vec<Uuid> = ids.map(|object| object.row.id).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let there: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM objects WHERE gpt_id = $1 AND id = ANY($2)")
            .bind(tenant.gpt_id().as_str())
            .bind(ids)
            .fetch_all(connection)
            .await?;
    Ok(there.into_iter().collect())
}

/// Inserts all objects but those whose id is `taken`.
async fn copy_free(
    connection: &mut PgConnection,
    tenant: &Tenant,
    objects: &[ImportedObject],
    taken: &HashSet<Uuid>,
) -> Result<(), StoreError> {
    const COPY: &str = "COPY objects \
         (gpt_id, id, collection, body, version, created_at, updated_at) \
         FROM STDIN (FORMAT binary)";
    /// What a row has beside its body, in bytes, about.
    const BESIDE_BODY: usize = 256;
    let free = objects.iter().map(|object| &object.row);
    let free = free.filter(|row| !taken.contains(&row.id));
    let bodies = free.clone().map(|row| row.body.as_str().len());
    let bytes = bodies.map(|length| length + BESIDE_BODY).sum();
    let mut rows = CopyRows::with_capacity(bytes);
    for row in free {
        rows.row(7)
            .text(tenant.gpt_id().as_str())
            .uuid(row.id)
            .text(row.collection.as_str())
            .jsonb(&row.body)
            .bigint(row.version)
            .timestamp(row.created_at)
            .timestamp(row.updated_at);
    }
    match rows.copy(connection, COPY).await {
        // Somebody took an id since we looked: it is seen when all is done again.
        Err(error) if matches!(error.kind(), StoreErrorKind::UniqueViolation(_)) => {
            Err(StoreError::new(StoreErrorKind::Serialization, error))
        }
        copied => copied.map(|_| ()),
    }
}

/// Notes those of them that are to be forwarded, under the name of the job.
async fn note_free(
    connection: &mut PgConnection,
    tenant: &Tenant,
    objects: &[ImportedObject],
    taken: &HashSet<Uuid>,
    job_id: Uuid,
) -> Result<(), sqlx::Error> {
    let noted = objects.iter().filter(|object| object.is_forwarded);
    let noted = noted.map(|object| object.row.id);
    let noted = noted.filter(|id| !taken.contains(id));
    let changes = noted.map(|object_id| NotedChange {
        gpt_id: tenant.gpt_id(),
        object_id,
        change_id: job_id,
    });
    let changes: Vec<_> = changes.collect();
    note_on_postgres(connection, EventKind::Created, Timestamp::now(), &changes).await
}
