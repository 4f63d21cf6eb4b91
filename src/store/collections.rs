//! Collections: named sets of objects, with an optional JSON Schema.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    QueryTrait,
};
use uuid::Uuid;

use super::entity::collections;
use super::keyset::seek;
use super::rows::COLLECTION_COLUMNS;
use super::transaction::{Retry, end};
use super::{CollectionRow, Keyset, Store, StoreError, WriteError};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::{CollectionName, Tenant};

/// What became of a collection that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There was none with this name.
    Created,
    /// Its schema changed.
    Updated,
    /// It had the same schema already, and keeps its version.
    Unchanged,
}

/// A collection that was deleted with its objects.
#[derive(Clone, Debug)]
pub struct DeletedCollection {
    /// The collection as it was.
    pub row: CollectionRow,
    /// Names the deletion of its objects, if that is forwarded.
    pub change_id: Option<Uuid>,
}

/// The columns that [`CollectionRow::read`] expects.
const COLUMNS: [collections::Column; 7] = [
    collections::Column::Id,
    collections::Column::Name,
    collections::Column::Schema,
    collections::Column::Version,
    collections::Column::CreatedAt,
    collections::Column::UpdatedAt,
    collections::Column::IsForwarded,
];

impl Store {
    /// Makes the collection `name`, or gives it this schema, and returns it as it is now.
    ///
    /// `check` sees the collection as it was, under a lock: writers that validated against its
    /// schema have finished, and others wait. It may be called again when the transaction is.
    ///
    /// # Errors
    ///
    /// What `check` refuses, [`super::StoreErrorKind::ForeignKeyViolation`] when the GPT does not
    /// exist, and [`super::StoreErrorKind::Bug`] when the caller may not see the collection.
    pub async fn put_collection<E>(
        &self,
        tenant: &Tenant,
        name: &CollectionName,
        schema: Option<&Document>,
        new_id: Uuid,
        at: Timestamp,
        check: impl Fn(Option<&CollectionRow>) -> Result<(), E>,
    ) -> Result<(CollectionRow, Put), WriteError<E>> {
        if !tenant.sees(name) {
            return Err(StoreError::bug("a collection beyond the caller's").into());
        }
        let new = CollectionRow {
            id: new_id,
            name: name.clone(),
            schema: schema.cloned(),
            version: 1,
            created_at: at,
            updated_at: at,
            is_forwarded: false,
        };
        let mut retry = Retry::default();
        loop {
            let result = self.try_put_collection(tenant, &new, &check).await;
            if !retry.again(&result).await {
                // Nothing was put when another creator was first; then it is there to update.
                if let Some(put) = result.transpose() {
                    return put;
                }
            }
        }
    }

    /// The collection `name`.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_collection(
        &self,
        tenant: &Tenant,
        name: &CollectionName,
    ) -> Result<Option<CollectionRow>, StoreError> {
        self.find_collection(self.database().reads(), tenant, name, "")
            .await
    }

    /// A page of the tenant's collections by time of creation, and whether there are more.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_collections(
        &self,
        tenant: &Tenant,
        page: &Keyset,
    ) -> Result<(Vec<CollectionRow>, bool), StoreError> {
        let limit = page.limit as usize;
        let mut select = collections::Entity::find()
            .select_only()
            .columns(COLUMNS)
            .filter(collections::Column::GptId.eq(tenant.gpt_id().as_str()))
            .apply_if(tenant.collections(), |select, names| {
                let names = names.iter().map(CollectionName::as_str);
                select.filter(collections::Column::Name.is_in(names))
            })
            .limit(u64::from(page.limit) + 1)
            .into_query();
        let columns = (collections::Column::CreatedAt, collections::Column::Id);
        seek(&mut select, columns, page.after, page.ascending);
        let rows = self.database().reads().query_all(&select).await?;
        let mut rows = rows
            .iter()
            .map(|row| CollectionRow::read(row, 0))
            .collect::<Result<Vec<_>, _>>()?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok((rows, more))
    }

    /// Deletes the collection `name` with its objects. `None` when there is none.
    ///
    /// `check` sees it under a lock, as in [`Store::put_collection`], and is not called when there
    /// is none.
    ///
    /// # Errors
    ///
    /// What `check` refuses, and what the database reports.
    pub async fn delete_collection<E>(
        &self,
        tenant: &Tenant,
        name: &CollectionName,
        check: impl Fn(&CollectionRow) -> Result<(), E>,
    ) -> Result<Option<DeletedCollection>, WriteError<E>> {
        let mut retry = Retry::default();
        loop {
            let result = self.try_delete_collection(tenant, name, &check).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn try_put_collection<E>(
        &self,
        tenant: &Tenant,
        new: &CollectionRow,
        check: impl Fn(Option<&CollectionRow>) -> Result<(), E>,
    ) -> Result<Option<(CollectionRow, Put)>, WriteError<E>> {
        let transaction = self.begin().await?;
        let result = self.put_within(&transaction, tenant, new, check).await;
        end(transaction, result).await
    }

    async fn put_within<E>(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        new: &CollectionRow,
        check: impl Fn(Option<&CollectionRow>) -> Result<(), E>,
    ) -> Result<Option<(CollectionRow, Put)>, WriteError<E>> {
        let before = self.lock_collection(transaction, tenant, &new.name).await?;
        check(before.as_ref()).map_err(WriteError::Refused)?;
        Ok(match before {
            None => {
                let created = self.insert_collection(transaction, tenant, new).await?;
                created.map(|created| (created, Put::Created))
            }
            Some(before) if before.schema == new.schema => Some((before, Put::Unchanged)),
            Some(before) => {
                let after = changed(before, new);
                self.update_collection(transaction, tenant, &after).await?;
                Some((after, Put::Updated))
            }
        })
    }

    async fn try_delete_collection<E>(
        &self,
        tenant: &Tenant,
        name: &CollectionName,
        check: impl Fn(&CollectionRow) -> Result<(), E>,
    ) -> Result<Option<DeletedCollection>, WriteError<E>> {
        let transaction = self.begin().await?;
        let result = self.delete_within(&transaction, tenant, name, check).await;
        end(transaction, result).await
    }

    async fn delete_within<E>(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        name: &CollectionName,
        check: impl Fn(&CollectionRow) -> Result<(), E>,
    ) -> Result<Option<DeletedCollection>, WriteError<E>> {
        let Some(row) = self.lock_collection(transaction, tenant, name).await? else {
            return Ok(None);
        };
        check(&row).map_err(WriteError::Refused)?;
        let change_id = row.is_forwarded.then(Uuid::now_v7);
        if let Some(change_id) = change_id {
            self.note_deletion_of_all(transaction, tenant, name, change_id)
                .await?;
        }
        let delete = self.statement(
            "DELETE FROM collections WHERE gpt_id = $1 AND name = $2",
            [tenant.gpt_id().into(), name.into()],
        );
        transaction.execute_raw(delete).await?;
        Ok(Some(DeletedCollection { row, change_id }))
    }

    /// Locks against everyone who writes objects there: they hold `FOR SHARE` until they commit.
    async fn lock_collection(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        name: &CollectionName,
    ) -> Result<Option<CollectionRow>, StoreError> {
        let lock = self.locking(" FOR UPDATE");
        self.find_collection(transaction, tenant, name, lock).await
    }

    /// The collection `name`, locked as `lock` says; for a caller who may not see it there is none.
    pub(super) async fn find_collection(
        &self,
        connection: &impl ConnectionTrait,
        tenant: &Tenant,
        name: &CollectionName,
        lock: &str,
    ) -> Result<Option<CollectionRow>, StoreError> {
        if !tenant.sees(name) {
            return Ok(None);
        }
        let find = self.statement(
            format!(
                "SELECT {COLLECTION_COLUMNS} FROM collections c \
                 WHERE c.gpt_id = $1 AND c.name = $2{lock}"
            ),
            [tenant.gpt_id().into(), name.into()],
        );
        let row = connection.query_one_raw(find).await?;
        Ok(row.map(|row| CollectionRow::read(&row, 0)).transpose()?)
    }

    /// The collection as it was made; `None` when another transaction made it first.
    ///
    /// The lock on the GPT comes before the look at its webhook: whoever gives it one meanwhile waits
    /// for this collection, and marks it.
    async fn insert_collection(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        new: &CollectionRow,
    ) -> Result<Option<CollectionRow>, StoreError> {
        self.lock_gpt(transaction, tenant.gpt_id(), " FOR SHARE")
            .await?;
        let insert = self.statement(
            "INSERT INTO collections (gpt_id, name, id, schema, version, created_at, updated_at, \
             is_forwarded) VALUES ($1, $2, $3, json($4), $5, $6, $7, EXISTS (\
             SELECT 1 FROM webhooks w WHERE w.gpt_id = $1 AND w.is_enabled)) \
             ON CONFLICT (gpt_id, name) DO NOTHING RETURNING is_forwarded",
            [
                tenant.gpt_id().into(),
                (&new.name).into(),
                new.id.into(),
                new.schema.clone().into(),
                new.version.into(),
                new.created_at.into(),
                new.updated_at.into(),
            ],
        );
        let created = transaction.query_one_raw(insert).await?;
        let is_forwarded = created.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(is_forwarded.map(|is_forwarded| CollectionRow {
            is_forwarded,
            ..new.clone()
        }))
    }

    async fn update_collection(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        after: &CollectionRow,
    ) -> Result<(), StoreError> {
        let update = self.statement(
            "UPDATE collections SET schema = json($3), version = $4, updated_at = $5 \
             WHERE gpt_id = $1 AND name = $2",
            [
                tenant.gpt_id().into(),
                (&after.name).into(),
                after.schema.clone().into(),
                after.version.into(),
                after.updated_at.into(),
            ],
        );
        transaction.execute_raw(update).await?;
        Ok(())
    }
}

fn changed(before: CollectionRow, new: &CollectionRow) -> CollectionRow {
    CollectionRow {
        schema: new.schema.clone(),
        version: before.version + 1,
        // The clock of another replica may be behind.
        updated_at: new.updated_at.max(before.updated_at),
        ..before
    }
}
