//! Changing one object by what it is.

use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, Statement};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::Tenant;
use crate::store::events::NotedChange;
use crate::store::rows::{COLLECTION_COLUMNS, OBJECT_COLUMNS};
use crate::store::transaction::{Retry, end};
use crate::store::{CollectionRow, EventKind, ObjectRow, Store, StoreError, WriteError};

/// An object and its collection, under locks: neither changes until the transaction has ended.
#[derive(Clone, Debug)]
pub struct LockedObject {
    /// The object.
    pub row: ObjectRow,
    /// Its collection, with the schema that its next body must obey.
    pub collection: CollectionRow,
}

/// What shall become of an object.
#[derive(Clone, Debug)]
pub enum Change {
    /// It gets this body and the next version.
    Body(Document),
    /// It is deleted.
    Delete,
    /// It stays as it is, version and all.
    Keep,
}

/// An object that was looked at, and changed if that was decided.
#[derive(Clone, Debug)]
pub struct Updated {
    /// The object as it is now; a deleted one as it was.
    pub row: ObjectRow,
    /// Names the change, if there was one and it is forwarded.
    pub change_id: Option<Uuid>,
}

impl Store {
    /// Changes the tenant's object with this id as `decide` says. `None` when there is no such object
    /// for the caller.
    ///
    /// `decide` may be called again when the transaction is. `now` is asked under the lock, so
    /// that times follow the order of the changes.
    ///
    /// # Errors
    ///
    /// What `decide` refuses, and what the database reports.
    pub async fn update_object<E>(
        &self,
        tenant: &Tenant,
        id: Uuid,
        now: impl Fn() -> Timestamp,
        mut decide: impl FnMut(&LockedObject) -> Result<Change, E>,
    ) -> Result<Option<Updated>, WriteError<E>> {
        let mut retry = Retry::default();
        loop {
            let result = self.try_update_object(tenant, id, &now, &mut decide).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn try_update_object<E>(
        &self,
        tenant: &Tenant,
        id: Uuid,
        now: impl Fn() -> Timestamp,
        decide: impl FnOnce(&LockedObject) -> Result<Change, E>,
    ) -> Result<Option<Updated>, WriteError<E>> {
        let transaction = self.begin().await?;
        let result = self
            .update_within(&transaction, tenant, id, now, decide)
            .await;
        end(transaction, result).await
    }

    async fn update_within<E>(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        id: Uuid,
        now: impl Fn() -> Timestamp,
        decide: impl FnOnce(&LockedObject) -> Result<Change, E>,
    ) -> Result<Option<Updated>, WriteError<E>> {
        let Some(locked) = self.lock_object(transaction, tenant, id).await? else {
            return Ok(None);
        };
        let change = decide(&locked).map_err(WriteError::Refused)?;
        let change_id = locked.collection.is_forwarded.then(Uuid::now_v7);
        let noted = change_id.map(|change_id| NotedChange {
            gpt_id: tenant.gpt_id(),
            object_id: id,
            change_id,
        });
        let mut row = locked.row;
        match change {
            Change::Keep => {
                let change_id = None;
                return Ok(Some(Updated { row, change_id }));
            }
            Change::Delete => {
                self.note_changes(transaction, EventKind::Deleted, now(), noted.as_slice())
                    .await?;
                transaction
                    .execute_raw(self.delete_statement(tenant, id))
                    .await?;
            }
            Change::Body(body) => {
                row.replace_body(body, now());
                let update = self.update_statement(tenant, &row);
                transaction.execute_raw(update).await?;
                self.note_changes(
                    transaction,
                    EventKind::Updated,
                    row.updated_at,
                    noted.as_slice(),
                )
                .await?;
            }
        }
        Ok(Some(Updated { row, change_id }))
    }

    /// Locks the collection first, as everyone does, so that no two wait for each other.
    pub(in crate::store) async fn lock_object(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<Option<LockedObject>, StoreError> {
        let locks = self.locking(" FOR SHARE OF c FOR UPDATE OF o");
        let statement = self.statement(
            format!(
                "SELECT {OBJECT_COLUMNS}, {COLLECTION_COLUMNS} FROM objects o \
                 JOIN collections c ON c.gpt_id = o.gpt_id AND c.name = o.collection \
                 WHERE o.gpt_id = $1 AND o.id = $2{locks}"
            ),
            [tenant.gpt_id().into(), id.into()],
        );
        let row = transaction.query_one_raw(statement).await?;
        let locked = row.map(|row| LockedObject::read(&row)).transpose()?;
        Ok(locked.filter(|locked| tenant.sees(&locked.collection.name)))
    }

    pub(super) fn delete_statement(&self, tenant: &Tenant, id: Uuid) -> Statement {
        self.statement(
            "DELETE FROM objects WHERE gpt_id = $1 AND id = $2",
            [tenant.gpt_id().into(), id.into()],
        )
    }

    pub(super) fn update_statement(&self, tenant: &Tenant, row: &ObjectRow) -> Statement {
        self.statement(
            "UPDATE objects SET body = json($3), version = $4, updated_at = $5 \
             WHERE gpt_id = $1 AND id = $2",
            [
                tenant.gpt_id().into(),
                row.id.into(),
                (&row.body).into(),
                row.version.into(),
                row.updated_at.into(),
            ],
        )
    }
}

impl LockedObject {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        Ok(Self {
            row: ObjectRow::read(row, 0)?,
            collection: CollectionRow::read(row, 6)?,
        })
    }
}

impl ObjectRow {
    fn replace_body(&mut self, body: Document, now: Timestamp) {
        self.body = body;
        self.version += 1;
        // The clock of another replica may be behind.
        self.updated_at = now.max(self.updated_at);
    }
}
