//! Batches: up to 100 operations on one collection's objects, all or nothing.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::idempotency::{IdempotencyKey, internal};
use super::{Preconditions, Service};
use crate::auth::Caller;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::ids::CollectionName;
use crate::store::{
    BatchError, BatchOutcome as Outcome, BatchWrite, LockedBatch, NewObject, ObjectUpdate,
};

/// One operation of a batch.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Store a new object.
    Create(Document),
    /// Merge into an object (RFC 7396).
    Patch(Uuid, Document, Preconditions),
    /// Put in place of an object's document.
    Replace(Uuid, Document, Preconditions),
    /// Delete an object.
    Delete(Uuid, Preconditions),
}

/// The kind of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// See [`Operation::Create`].
    Create,
    /// See [`Operation::Patch`].
    Patch,
    /// See [`Operation::Replace`].
    Replace,
    /// See [`Operation::Delete`].
    Delete,
}

/// The outcome of one operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BatchItem {
    /// What was done.
    pub op: OperationKind,
    /// The object.
    pub id: Uuid,
    /// Its version and times afterwards; `None` when it is deleted.
    pub now: Option<(i64, Timestamp, Timestamp)>,
}

/// The outcome of a batch.
#[derive(Clone, Debug)]
pub struct BatchOutcome {
    /// One item for each operation, in order.
    pub items: Vec<BatchItem>,
    /// Whether an earlier request with the same idempotency key did it.
    pub replayed: bool,
}

impl Operation {
    fn kind(&self) -> OperationKind {
        match self {
            Self::Create(_) => OperationKind::Create,
            Self::Patch(..) => OperationKind::Patch,
            Self::Replace(..) => OperationKind::Replace,
            Self::Delete(..) => OperationKind::Delete,
        }
    }

    fn target(&self) -> Option<Uuid> {
        match self {
            Self::Create(_) => None,
            Self::Patch(id, ..) | Self::Replace(id, ..) | Self::Delete(id, _) => Some(*id),
        }
    }
}

impl Service {
    /// Applies `operations` in order, all or nothing.
    ///
    /// # Errors
    /// [`Error::BatchFailed`] naming the operation that failed and why, [`Error::CollectionNotFound`],
    /// the idempotency errors; the store's.
    pub async fn batch_objects(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        operations: &[Operation],
        key: Option<&IdempotencyKey>,
    ) -> Result<BatchOutcome, Error> {
        let mut targets: Vec<Uuid> = operations.iter().filter_map(Operation::target).collect();
        targets.sort_unstable();
        targets.dedup();
        let kept = key.map(|key| {
            let request = format!("{operations:?}");
            key.of_request(Timestamp::now(), ["batch", collection.as_str(), &request])
        });
        let decide = |locked: &LockedBatch| Draft::new(self, locked).apply(operations);
        let outcome = self
            .store
            .write_batch(caller.tenant(), collection, kept.as_ref(), &targets, decide)
            .await
            .map_err(|error| match error {
                BatchError::Refused(error) => error,
                BatchError::IdempotencyRunning => Error::IdempotencyInProgress,
                BatchError::IdempotencyMismatch => Error::IdempotencyKeyReused,
                BatchError::Store(error) => error.into(),
            })?;
        let (answer, replayed) = match outcome.ok_or(Error::CollectionNotFound)? {
            Outcome::Written(answer, change_id) => {
                if let Some(change_id) = change_id {
                    self.forward(caller, change_id).await;
                }
                (answer, false)
            }
            Outcome::Replay(answer) => (answer, true),
        };
        let items = serde_json::from_str(&answer).map_err(internal)?;
        Ok(BatchOutcome { items, replayed })
    }
}

/// An object as it stands while a batch is worked out.
#[derive(Clone)]
struct Standing {
    body: Document,
    version: i64,
    created_at: Timestamp,
}

/// A batch being worked out against locked rows, before anything is written.
struct Draft<'a> {
    service: &'a Service,
    locked: &'a LockedBatch,
    at: Timestamp,
    /// What became of each target; `None` once it is deleted.
    objects: HashMap<Uuid, Option<Standing>>,
    inserts: Vec<NewObject>,
}

impl<'a> Draft<'a> {
    fn new(service: &'a Service, locked: &'a LockedBatch) -> Self {
        Self {
            service,
            locked,
            at: Timestamp::now(),
            objects: HashMap::new(),
            inserts: Vec::new(),
        }
    }

    fn apply(mut self, operations: &[Operation]) -> Result<BatchWrite, Error> {
        let mut items = Vec::with_capacity(operations.len());
        for (index, operation) in operations.iter().enumerate() {
            let item = self.step(operation).map_err(|cause| Error::BatchFailed {
                index,
                cause: Box::new(cause.under(&format!("/operations/{index}"))),
            })?;
            items.push(item);
        }
        self.finish(&items)
    }

    fn step(&mut self, operation: &Operation) -> Result<BatchItem, Error> {
        let op = operation.kind();
        match operation {
            Operation::Create(body) => self.create(body),
            Operation::Patch(id, patch, conditions) => {
                let current = self.current(*id, conditions)?;
                let body = self.service.merge(&current.body, patch);
                self.write(
                    op,
                    *id,
                    &current,
                    body.map_err(|error| error.under("/body"))?,
                )
            }
            Operation::Replace(id, body, conditions) => {
                let current = self.current(*id, conditions)?;
                self.write(op, *id, &current, body.clone())
            }
            Operation::Delete(id, conditions) => {
                self.current(*id, conditions)?;
                self.objects.insert(*id, None);
                Ok(BatchItem {
                    op,
                    id: *id,
                    now: None,
                })
            }
        }
    }

    fn create(&mut self, body: &Document) -> Result<BatchItem, Error> {
        self.validate(body)?;
        let id = Uuid::now_v7();
        self.inserts.push(NewObject {
            id,
            collection: self.locked.collection.name.clone(),
            collection_id: self.locked.collection.id,
            collection_version: self.locked.collection.version,
            body: body.clone(),
            at: self.at,
            is_forwarded: self.locked.collection.is_forwarded,
        });
        let now = Some((1, self.at, self.at));
        Ok(BatchItem {
            op: OperationKind::Create,
            id,
            now,
        })
    }

    /// The target as the operations before left it, if the conditions hold for it.
    fn current(&self, id: Uuid, conditions: &Preconditions) -> Result<Standing, Error> {
        let stored = || {
            self.locked.objects.get(&id).map(|row| Standing {
                body: row.body.clone(),
                version: row.version,
                created_at: row.created_at,
            })
        };
        let standing = self.objects.get(&id).cloned().unwrap_or_else(stored);
        let standing = standing.ok_or(Error::ObjectNotFound)?;
        conditions.check(Some(standing.version))?;
        Ok(standing)
    }

    fn write(
        &mut self,
        op: OperationKind,
        id: Uuid,
        current: &Standing,
        body: Document,
    ) -> Result<BatchItem, Error> {
        self.validate(&body)?;
        let next = Standing {
            body,
            version: current.version + 1,
            created_at: current.created_at,
        };
        let updated_at = self.at.max(next.created_at);
        let now = Some((next.version, next.created_at, updated_at));
        self.objects.insert(id, Some(next));
        Ok(BatchItem { op, id, now })
    }

    fn validate(&self, body: &Document) -> Result<(), Error> {
        let valid = self.service.validate(&self.locked.collection, body);
        valid.map_err(|error| error.under("/body"))
    }

    fn finish(self, items: &[BatchItem]) -> Result<BatchWrite, Error> {
        let mut updates = Vec::new();
        let mut deletes = Vec::new();
        for (id, standing) in self.objects {
            match standing {
                Some(Standing { body, version, .. }) => {
                    updates.push(ObjectUpdate { id, body, version });
                }
                None => deletes.push(id),
            }
        }
        Ok(BatchWrite {
            inserts: self.inserts,
            updates,
            deletes,
            at: self.at,
            answer: serde_json::to_string(items).map_err(internal)?,
        })
    }
}
