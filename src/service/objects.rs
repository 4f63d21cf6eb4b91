//! Objects: create, get, patch, replace, delete, list.

use std::sync::Arc;

use uuid::Uuid;

use super::documents::refused;
use super::idempotency::{IdempotencyKey, KeptObject};
use super::{ATTEMPTS, Preconditions, Service};
use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::document::merge_patch::merge_patch;
use crate::error::Error;
use crate::ids::{CollectionName, Tenant};
use crate::store::{
    Change, CollectionRow, CreateError, CreateOnceError, CreateOnceOutcome, LockedObject,
    NewObject, ObjectRow, WriteError,
};

/// An object that was created, now or by an earlier request with the same idempotency key.
#[derive(Clone, Debug)]
pub struct Created {
    /// The object as it was created.
    pub object: ObjectRow,
    /// Whether an earlier request did it.
    pub replayed: bool,
}

impl Service {
    /// Stores `body` as a new object of `collection`.
    ///
    /// # Errors
    /// [`Error::CollectionNotFound`], [`Error::SchemaViolation`], the idempotency errors, the store's.
    pub async fn create_object(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        body: Document,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, Error> {
        let tenant = caller.tenant();
        for _ in 0..ATTEMPTS {
            let head = self.collection_head(tenant, collection).await?;
            let created = match key {
                None => self.create_now(tenant, &head, body.clone()).await?,
                Some(key) => self.create_once(tenant, &head, body.clone(), key).await?,
            };
            match created {
                Some((created, change_id)) => {
                    if let Some(change_id) = change_id {
                        self.forward(caller, change_id).await;
                    }
                    return Ok(created);
                }
                None => self.forget(tenant, collection),
            }
        }
        Err(changing_too_fast())
    }

    /// Creates the object, and names the change if it is forwarded; `None` when `head` is no longer the
    /// collection that is there.
    async fn create_now(
        &self,
        tenant: &Tenant,
        head: &CollectionRow,
        body: Document,
    ) -> Result<Option<(Created, Option<Uuid>)>, Error> {
        self.validate(head, &body)?;
        let (object, new) = new_object(head, body);
        match self.store.create_object(tenant, new).await {
            Ok(change_id) => Ok(Some((created(object), change_id))),
            Err(CreateError::CollectionChanged) => Ok(None),
            Err(CreateError::Store(error)) => Err(error.into()),
        }
    }

    /// Creates the object unless it was created with this key before; `None` as above.
    async fn create_once(
        &self,
        tenant: &Tenant,
        head: &CollectionRow,
        body: Document,
        key: &IdempotencyKey,
    ) -> Result<Option<(Created, Option<Uuid>)>, Error> {
        let request = ["create", head.name.as_str(), body.as_str()];
        let kept = key.of_request(Timestamp::now(), request);
        // An answer that is kept counts even if the schema has changed since.
        if let Err(error) = self.validate(head, &body) {
            let answer = self
                .store
                .kept_answer(tenant, &kept)
                .await
                .map_err(refused_once)?;
            let answer = answer.ok_or(error)?;
            return Ok(Some((replayed(&answer)?, None)));
        }
        let (object, new) = new_object(head, body);
        let answer = KeptObject::write(&object)?;
        match self
            .store
            .create_object_once(tenant, &new, &kept, &answer)
            .await
        {
            Ok(CreateOnceOutcome::Done(change_id)) => Ok(Some((created(object), change_id))),
            Ok(CreateOnceOutcome::Replay(answer)) => Ok(Some((replayed(&answer)?, None))),
            Err(CreateOnceError::CollectionChanged) => Ok(None),
            Err(error) => Err(refused_once(error)),
        }
    }

    /// The collection to write to: remembered, or read now.
    pub(super) async fn collection_head(
        &self,
        tenant: &Tenant,
        name: &CollectionName,
    ) -> Result<Arc<CollectionRow>, Error> {
        if let Some(row) = self.remembered(tenant, name) {
            return Ok(row);
        }
        let row = self.store.get_collection(tenant, name).await?;
        Ok(self.remember(tenant, row.ok_or(Error::CollectionNotFound)?))
    }

    /// One object.
    ///
    /// # Errors
    /// [`Error::ObjectNotFound`]; the store's.
    pub async fn get_object(&self, caller: &Caller, id: Uuid) -> Result<ObjectRow, Error> {
        let row = self.store.get_object(caller.tenant(), id).await?;
        row.ok_or(Error::ObjectNotFound)
    }

    /// Merges `patch` into the object's document (RFC 7396).
    ///
    /// # Errors
    /// [`Error::ObjectNotFound`], [`Error::PreconditionFailed`], [`Error::SchemaViolation`],
    /// [`Error::TooLarge`], [`Error::InvalidDocument`] (too deep once merged); the store's.
    pub async fn patch_object(
        &self,
        caller: &Caller,
        id: Uuid,
        preconditions: &Preconditions,
        patch: &Document,
    ) -> Result<ObjectRow, Error> {
        self.change_object(caller, id, preconditions, |current| {
            self.merge(current, patch)
        })
        .await
    }

    /// Puts `body` in place of the object's document.
    ///
    /// # Errors
    /// As [`Service::patch_object`].
    pub async fn replace_object(
        &self,
        caller: &Caller,
        id: Uuid,
        preconditions: &Preconditions,
        body: &Document,
    ) -> Result<ObjectRow, Error> {
        self.change_object(caller, id, preconditions, |_| Ok(body.clone()))
            .await
    }

    /// `patch` merged into `current`.
    pub(super) fn merge(&self, current: &Document, patch: &Document) -> Result<Document, Error> {
        let limits = self.limits.document();
        merge_patch(current, patch, &limits).map_err(|error| refused(error, &limits))
    }

    async fn change_object(
        &self,
        caller: &Caller,
        id: Uuid,
        preconditions: &Preconditions,
        change: impl Fn(&Document) -> Result<Document, Error> + Send + Sync,
    ) -> Result<ObjectRow, Error> {
        let decide = |locked: &LockedObject| {
            preconditions.check(Some(locked.row.version))?;
            let body = change(&locked.row.body)?;
            self.validate(&locked.collection, &body)?;
            Ok(Change::Body(body))
        };
        self.update(caller, id, decide).await
    }

    /// Deletes the object.
    ///
    /// # Errors
    /// [`Error::ObjectNotFound`], [`Error::PreconditionFailed`]; the store's.
    pub async fn delete_object(
        &self,
        caller: &Caller,
        id: Uuid,
        preconditions: &Preconditions,
    ) -> Result<(), Error> {
        let decide = |locked: &LockedObject| {
            preconditions.check(Some(locked.row.version))?;
            Ok(Change::Delete)
        };
        self.update(caller, id, decide).await.map(|_| ())
    }

    async fn update(
        &self,
        caller: &Caller,
        id: Uuid,
        decide: impl FnMut(&LockedObject) -> Result<Change, Error> + Send,
    ) -> Result<ObjectRow, Error> {
        let updated = self
            .store
            .update_object(caller.tenant(), id, Timestamp::now, decide)
            .await;
        let updated = updated.map_err(|error| match error {
            WriteError::Refused(error) => error,
            WriteError::Store(error) => error.into(),
        })?;
        let updated = updated.ok_or(Error::ObjectNotFound)?;
        if let Some(change_id) = updated.change_id {
            self.forward(caller, change_id).await;
        }
        Ok(updated.row)
    }
}

/// A new object of `head`, as it will be, and as the store wants it.
fn new_object(head: &CollectionRow, body: Document) -> (ObjectRow, NewObject) {
    let at = Timestamp::now();
    let object = ObjectRow {
        id: Uuid::now_v7(),
        collection: head.name.clone(),
        body,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    let new = NewObject {
        id: object.id,
        collection: head.name.clone(),
        collection_id: head.id,
        collection_version: head.version,
        body: object.body.clone(),
        at,
        is_forwarded: head.is_forwarded,
    };
    (object, new)
}

fn refused_once(error: CreateOnceError) -> Error {
    match error {
        CreateOnceError::CollectionChanged => changing_too_fast(),
        CreateOnceError::IdempotencyMismatch => Error::IdempotencyKeyReused,
        CreateOnceError::IdempotencyRunning => Error::IdempotencyInProgress,
        CreateOnceError::Store(error) => error.into(),
    }
}

fn created(object: ObjectRow) -> Created {
    Created {
        object,
        replayed: false,
    }
}

fn replayed(answer: &str) -> Result<Created, Error> {
    let object = KeptObject::read(answer)?;
    Ok(Created {
        object,
        replayed: true,
    })
}

/// Somebody changes the collection faster than a write can be checked against it.
pub(super) fn changing_too_fast() -> Error {
    Error::Unavailable("the collection keeps changing".into())
}
