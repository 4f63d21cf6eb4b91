//! Many changes to one collection, all or none.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use uuid::Uuid;

use super::create::insert_one;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::{CollectionName, Tenant};
use crate::store::idempotency::Claim;
use crate::store::rows::OBJECT_COLUMNS;
use crate::store::transaction::{Failure, Retry, end};
use crate::store::{Backend, CollectionRow, Idempotency, NewObject, ObjectRow, Store, StoreError};

/// A collection and some of its objects, under locks: they stay so until the batch has ended.
#[derive(Clone, Debug)]
pub struct LockedBatch {
    /// The collection, with the schema that new bodies must obey.
    pub collection: CollectionRow,
    /// Those of the named objects that are in this collection.
    pub objects: HashMap<Uuid, ObjectRow>,
}

/// A new body for an object.
#[derive(Clone, Debug)]
pub struct ObjectUpdate {
    /// One of the locked objects.
    pub id: Uuid,
    /// Its new body.
    pub body: Document,
    /// Its new version.
    pub version: i64,
}

/// What a batch writes.
#[derive(Clone, Debug)]
pub struct BatchWrite {
    /// Objects to create, in the batch's collection and for its locked version.
    pub inserts: Vec<NewObject>,
    /// Objects to change, each at most once.
    pub updates: Vec<ObjectUpdate>,
    /// Objects to delete.
    pub deletes: Vec<Uuid>,
    /// When: the `updated_at` of the changed objects, unless theirs is later already.
    pub at: Timestamp,
    /// The answer, kept with the idempotency key.
    pub answer: String,
}

impl BatchWrite {
    fn changes_something(&self) -> bool {
        !(self.inserts.is_empty() && self.updates.is_empty() && self.deletes.is_empty())
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    /// It was written; this is the answer, and what names the changes if they are forwarded.
    Written(String, Option<Uuid>),
    /// It was written before; this was the answer.
    Replay(String),
}

/// Why nothing of a batch was written.
#[derive(Debug)]
pub enum BatchError<E> {
    /// The caller's function refused what it saw.
    Refused(E),
    /// The key was used for another request.
    IdempotencyMismatch,
    /// A request with this key is running.
    IdempotencyRunning,
    /// The database failed.
    Store(StoreError),
}

impl<E> From<StoreError> for BatchError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E> From<DbErr> for BatchError<E> {
    fn from(error: DbErr) -> Self {
        Self::Store(error.into())
    }
}

impl<E> Failure for BatchError<E> {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Refused(_) | Self::IdempotencyMismatch | Self::IdempotencyRunning => None,
        }
    }
}

impl Store {
    /// Writes what `decide` makes of `collection` and those of its objects that `ids` name, all or
    /// nothing. `None` when the tenant has no such collection.
    ///
    /// `decide` may be called again when the transaction is. It is not called for a request that
    /// was answered before.
    ///
    /// # Errors
    ///
    /// [`BatchError`].
    pub async fn write_batch<E>(
        &self,
        tenant: &Tenant,
        collection: &CollectionName,
        idempotency: Option<&Idempotency>,
        ids: &[Uuid],
        mut decide: impl FnMut(&LockedBatch) -> Result<BatchWrite, E>,
    ) -> Result<Option<BatchOutcome>, BatchError<E>> {
        if !tenant.sees(collection) {
            // Nor may the caller learn what another's batch with the same key was answered.
            return Ok(None);
        }
        let running = idempotency.map(|key| self.mark_running(tenant, key));
        if let Some(None) = running {
            return Err(BatchError::IdempotencyRunning);
        }
        let mut retry = Retry::default();
        loop {
            let result = self
                .try_write_batch(tenant, collection, idempotency, ids, &mut decide)
                .await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn try_write_batch<E>(
        &self,
        tenant: &Tenant,
        collection: &CollectionName,
        idempotency: Option<&Idempotency>,
        ids: &[Uuid],
        decide: impl FnOnce(&LockedBatch) -> Result<BatchWrite, E>,
    ) -> Result<Option<BatchOutcome>, BatchError<E>> {
        let transaction = self.begin().await?;
        let result = self
            .write_batch_within(&transaction, tenant, collection, idempotency, ids, decide)
            .await;
        end(transaction, result).await
    }

    async fn write_batch_within<E>(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        collection: &CollectionName,
        idempotency: Option<&Idempotency>,
        ids: &[Uuid],
        decide: impl FnOnce(&LockedBatch) -> Result<BatchWrite, E>,
    ) -> Result<Option<BatchOutcome>, BatchError<E>> {
        if let Some(idempotency) = idempotency {
            match self.claim_key(transaction, tenant, idempotency).await? {
                Claim::First => {}
                Claim::Answered(answer) => return Ok(Some(BatchOutcome::Replay(answer))),
                Claim::Mismatch => return Err(BatchError::IdempotencyMismatch),
                Claim::Running => return Err(BatchError::IdempotencyRunning),
            }
        }
        let locked = self
            .lock_batch(transaction, tenant, collection, ids)
            .await?;
        let Some(locked) = locked else {
            return Ok(None);
        };
        let write = decide(&locked).map_err(BatchError::Refused)?;
        let is_forwarded = locked.collection.is_forwarded && write.changes_something();
        let change_id = is_forwarded.then(Uuid::now_v7);
        if let Some(change_id) = change_id {
            self.note_deleted(transaction, tenant, &write, change_id)
                .await?;
        }
        self.write(transaction, tenant, &locked, &write).await?;
        if let Some(change_id) = change_id {
            self.note_written(transaction, tenant, &write, change_id)
                .await?;
        }
        if let Some(idempotency) = idempotency {
            self.keep_answer(transaction, tenant, idempotency, &write.answer)
                .await?;
        }
        Ok(Some(BatchOutcome::Written(write.answer, change_id)))
    }

    /// Locks the collection first and then the objects in the order of their ids, so that no two
    /// batches wait for each other.
    async fn lock_batch(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        collection: &CollectionName,
        ids: &[Uuid],
    ) -> Result<Option<LockedBatch>, StoreError> {
        let lock = self.locking(" FOR SHARE");
        let found = self.find_collection(transaction, tenant, collection, lock);
        let Some(collection) = found.await? else {
            return Ok(None);
        };
        let mut objects = HashMap::with_capacity(ids.len());
        for find in self.find_batch(tenant, &collection.name, ids) {
            for row in transaction.query_all_raw(find).await? {
                let object = ObjectRow::read(&row, 0)?;
                objects.insert(object.id, object);
            }
        }
        Ok(Some(LockedBatch {
            collection,
            objects,
        }))
    }

    fn find_batch(
        &self,
        tenant: &Tenant,
        collection: &CollectionName,
        ids: &[Uuid],
    ) -> Vec<Statement> {
        let select = format!(
            "SELECT {OBJECT_COLUMNS} FROM objects o WHERE o.gpt_id = $1 AND o.collection = $2"
        );
        let key = || [tenant.gpt_id().into(), collection.into()];
        let [gpt_id, name] = key();
        match self.backend() {
            Backend::Postgres if ids.is_empty() => Vec::new(),
            Backend::Postgres => vec![self.statement(
                format!("{select} AND o.id = ANY($3) ORDER BY o.id FOR UPDATE OF o"),
                [gpt_id, name, ids.to_vec().into()],
            )],
            Backend::Sqlite => ids
                .iter()
                .map(|id| {
                    let [gpt_id, name] = key();
                    self.statement(
                        format!("{select} AND o.id = $3"),
                        [gpt_id, name, (*id).into()],
                    )
                })
                .collect(),
        }
    }

    async fn write(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        locked: &LockedBatch,
        write: &BatchWrite,
    ) -> Result<(), StoreError> {
        let statements = match self.backend() {
            Backend::Postgres => self.batch_on_postgres(tenant, locked, write),
            Backend::Sqlite => self.batch_on_sqlite(tenant, locked, write),
        };
        for (statement, expected) in statements {
            let written = transaction.execute_raw(statement).await?.rows_affected();
            if written != expected {
                return Err(StoreError::bug(
                    "a batch names objects that it has not locked",
                ));
            }
        }
        Ok(())
    }

    /// One statement for each kind of change, and how many rows each must write.
    fn batch_on_postgres(
        &self,
        tenant: &Tenant,
        locked: &LockedBatch,
        write: &BatchWrite,
    ) -> Vec<(Statement, u64)> {
        let gpt_id = || tenant.gpt_id().into();
        let (inserts, updates) = (&write.inserts, &write.updates);
        let times = |times: &mut dyn Iterator<Item = Timestamp>| -> Vec<DateTime<Utc>> {
            times.map(Into::into).collect()
        };
        let insert = self.statement(
            "INSERT INTO objects (gpt_id, id, collection, body, version, created_at, updated_at) \
             SELECT $1, u.id, $2, u.body::jsonb, 1, u.at, u.at \
             FROM unnest($3::uuid[], $4::text[], $5::timestamptz[]) AS u (id, body, at)",
            [
                gpt_id(),
                (&locked.collection.name).into(),
                inserts.iter().map(|new| new.id).collect::<Vec<_>>().into(),
                texts(inserts.iter().map(|new| &new.body)).into(),
                times(&mut inserts.iter().map(|new| new.at)).into(),
            ],
        );
        let update = self.statement(
            "UPDATE objects o SET body = u.body::jsonb, version = u.version, \
             updated_at = greatest(o.updated_at, $5) \
             FROM unnest($2::uuid[], $3::text[], $4::bigint[]) AS u (id, body, version) \
             WHERE o.gpt_id = $1 AND o.id = u.id",
            [
                gpt_id(),
                updates
                    .iter()
                    .map(|update| update.id)
                    .collect::<Vec<_>>()
                    .into(),
                texts(updates.iter().map(|update| &update.body)).into(),
                updates
                    .iter()
                    .map(|update| update.version)
                    .collect::<Vec<_>>()
                    .into(),
                write.at.into(),
            ],
        );
        let delete = self.statement(
            "DELETE FROM objects WHERE gpt_id = $1 AND id = ANY($2)",
            [gpt_id(), write.deletes.clone().into()],
        );
        let statements = [
            (delete, write.deletes.len() as u64),
            (update, updates.len() as u64),
            (insert, inserts.len() as u64),
        ];
        statements
            .into_iter()
            .filter(|(_, rows)| *rows > 0)
            .collect()
    }

    /// One statement for each change; each must write one row.
    fn batch_on_sqlite(
        &self,
        tenant: &Tenant,
        locked: &LockedBatch,
        write: &BatchWrite,
    ) -> Vec<(Statement, u64)> {
        let deletes = write
            .deletes
            .iter()
            .map(|id| self.delete_statement(tenant, *id));
        let updates = write.updates.iter().filter_map(|update| {
            let before = locked.objects.get(&update.id)?;
            let after = ObjectRow {
                body: update.body.clone(),
                version: update.version,
                updated_at: write.at.max(before.updated_at),
                ..before.clone()
            };
            Some(self.update_statement(tenant, &after))
        });
        let dialect = self.database().dialect();
        let inserts = write
            .inserts
            .iter()
            .map(|new| insert_one(dialect, "", tenant.gpt_id(), new));
        deletes
            .chain(updates)
            .chain(inserts)
            .map(|statement| (statement, 1))
            .collect()
    }
}

fn texts<'a>(documents: impl Iterator<Item = &'a Document>) -> Vec<String> {
    documents
        .map(|document| document.as_str().to_owned())
        .collect()
}
