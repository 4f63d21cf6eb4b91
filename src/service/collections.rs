//! Collections: create or update, get, list, delete.

use uuid::Uuid;

use super::objects::changing_too_fast;
use super::{ATTEMPTS, Preconditions, Service};
use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::document::schema::CollectionSchema;
use crate::error::{Error, Violation};
use crate::ids::CollectionName;
use crate::store::{CollectionRow, Put, WriteError};

/// What becomes of a collection's schema.
#[derive(Clone, Debug)]
pub enum NewSchema {
    /// It stays as it is.
    Keep,
    /// Objects must satisfy this from now on; the empty schema `{}` removes it.
    Set(Document),
}

/// What an upsert did.
#[derive(Clone, Debug)]
pub struct Upserted {
    /// The collection as it is now.
    pub collection: CollectionRow,
    /// Whether it is new.
    pub created: bool,
}

impl Service {
    /// Makes sure that the collection exists and has the schema.
    ///
    /// # Errors
    /// [`Error::InvalidSchema`], [`Error::PreconditionFailed`], [`Error::Forbidden`] for a collection
    /// that the caller may not see; the store's.
    pub async fn upsert_collection(
        &self,
        caller: &Caller,
        name: &CollectionName,
        schema: NewSchema,
        preconditions: &Preconditions,
    ) -> Result<Upserted, Error> {
        if !caller.tenant().sees(name) {
            return Err(Error::Forbidden(format!(
                "The application may not use the collection `{name}`."
            )));
        }
        let schema = match schema {
            NewSchema::Keep => return self.ensure_collection(caller, name, preconditions).await,
            NewSchema::Set(schema) if schema.as_str() == "{}" => None,
            NewSchema::Set(schema) => Some(self.checked_schema(schema).await?),
        };
        let check =
            |current: Option<&CollectionRow>| preconditions.check(current.map(|row| row.version));
        self.put(caller, name, schema.as_ref(), check)
            .await
            .map_err(refused)
    }

    /// The collection as it is, or a new one without a schema.
    async fn ensure_collection(
        &self,
        caller: &Caller,
        name: &CollectionName,
        preconditions: &Preconditions,
    ) -> Result<Upserted, Error> {
        /// Somebody else made it since we looked.
        struct IsThere;
        for _ in 0..ATTEMPTS {
            if let Some(collection) = self.store.get_collection(caller.tenant(), name).await? {
                preconditions.check(Some(collection.version))?;
                return Ok(Upserted {
                    collection,
                    created: false,
                });
            }
            preconditions.check(None)?;
            let check = |current: Option<&CollectionRow>| match current {
                Some(_) => Err(IsThere),
                None => Ok(()),
            };
            match self.put(caller, name, None, check).await {
                Ok(upserted) => return Ok(upserted),
                Err(WriteError::Refused(IsThere)) => {}
                Err(WriteError::Store(error)) => return Err(error.into()),
            }
        }
        Err(changing_too_fast())
    }

    async fn put<E>(
        &self,
        caller: &Caller,
        name: &CollectionName,
        schema: Option<&Document>,
        check: impl Fn(Option<&CollectionRow>) -> Result<(), E>,
    ) -> Result<Upserted, WriteError<E>> {
        let (tenant, id, now) = (caller.tenant(), Uuid::now_v7(), Timestamp::now());
        let (collection, put) = self
            .store
            .put_collection(tenant, name, schema, id, now, check)
            .await?;
        self.remember(tenant, collection.clone());
        Ok(Upserted {
            collection,
            created: put == Put::Created,
        })
    }

    /// `schema`, if it compiles. Compiling is bounded, yet long enough to leave the async threads.
    pub(super) async fn checked_schema(&self, schema: Document) -> Result<Document, Error> {
        let compile = move || match CollectionSchema::compile(&schema) {
            Ok(_) => Ok(schema),
            Err(error) => {
                let detail = error.detail.clone();
                Err(Error::InvalidSchema(vec![Violation::new(
                    error.pointer,
                    detail,
                )]))
            }
        };
        tokio::task::spawn_blocking(compile)
            .await
            .map_err(super::idempotency::internal)?
    }

    /// One collection.
    ///
    /// # Errors
    /// [`Error::CollectionNotFound`]; the store's.
    pub async fn get_collection(
        &self,
        caller: &Caller,
        name: &CollectionName,
    ) -> Result<CollectionRow, Error> {
        let row = self.store.get_collection(caller.tenant(), name).await?;
        row.ok_or(Error::CollectionNotFound)
    }

    /// Deletes the collection with all its objects.
    ///
    /// # Errors
    /// [`Error::CollectionNotFound`], [`Error::PreconditionFailed`]; the store's.
    pub async fn delete_collection(
        &self,
        caller: &Caller,
        name: &CollectionName,
        preconditions: &Preconditions,
    ) -> Result<(), Error> {
        let check = |current: &CollectionRow| preconditions.check(Some(current.version));
        let deleted = self
            .store
            .delete_collection(caller.tenant(), name, check)
            .await;
        self.forget(caller.tenant(), name);
        let deleted = deleted.map_err(refused)?.ok_or(Error::CollectionNotFound)?;
        if let Some(change_id) = deleted.change_id {
            self.forward(caller, change_id).await;
        }
        Ok(())
    }
}

fn refused(error: WriteError<Error>) -> Error {
    match error {
        WriteError::Refused(error) => error,
        WriteError::Store(error) => error.into(),
    }
}
