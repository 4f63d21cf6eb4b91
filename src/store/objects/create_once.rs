//! Creating an object in a request that may be sent twice.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::create::insert_one;
use crate::ids::Tenant;
use crate::store::events::NotedChange;
use crate::store::idempotency::Claim;
use crate::store::transaction::{Failure, Retry, end};
use crate::store::{EventKind, Idempotency, NewObject, Store, StoreError};

/// What became of a create that carried a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateOnceOutcome {
    /// The object was created; what names the change, if it is forwarded.
    Done(Option<Uuid>),
    /// It was created before; this was the answer.
    Replay(String),
}

/// Why an object was not created.
#[derive(Debug)]
pub enum CreateOnceError {
    /// The collection is not there for the caller, or its version is not the one that the body was
    /// validated against.
    CollectionChanged,
    /// The key was used for another request.
    IdempotencyMismatch,
    /// A request with this key is running.
    IdempotencyRunning,
    /// The database failed.
    Store(StoreError),
}

impl From<StoreError> for CreateOnceError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DbErr> for CreateOnceError {
    fn from(error: DbErr) -> Self {
        Self::Store(error.into())
    }
}

impl Failure for CreateOnceError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::CollectionChanged | Self::IdempotencyMismatch | Self::IdempotencyRunning => None,
        }
    }
}

impl Store {
    /// As [`Store::create_object`], with a key: the object and `answer` are stored together, and
    /// whoever asks again gets that answer.
    ///
    /// # Errors
    ///
    /// [`CreateOnceError`].
    pub async fn create_object_once(
        &self,
        tenant: &Tenant,
        object: &NewObject,
        idempotency: &Idempotency,
        answer: &str,
    ) -> Result<CreateOnceOutcome, CreateOnceError> {
        if !tenant.sees(&object.collection) {
            return Err(CreateOnceError::CollectionChanged);
        }
        let Some(_running) = self.mark_running(tenant, idempotency) else {
            return Err(CreateOnceError::IdempotencyRunning);
        };
        let mut retry = Retry::default();
        loop {
            let result = self
                .try_create_object_once(tenant, object, idempotency, answer)
                .await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn try_create_object_once(
        &self,
        tenant: &Tenant,
        object: &NewObject,
        idempotency: &Idempotency,
        answer: &str,
    ) -> Result<CreateOnceOutcome, CreateOnceError> {
        let transaction = self.begin().await?;
        let result = self
            .create_once_within(&transaction, tenant, object, idempotency, answer)
            .await;
        end(transaction, result).await
    }

    async fn create_once_within(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        object: &NewObject,
        idempotency: &Idempotency,
        answer: &str,
    ) -> Result<CreateOnceOutcome, CreateOnceError> {
        match self.claim_key(transaction, tenant, idempotency).await? {
            Claim::First => {}
            Claim::Answered(answer) => return Ok(CreateOnceOutcome::Replay(answer)),
            Claim::Mismatch => return Err(CreateOnceError::IdempotencyMismatch),
            Claim::Running => return Err(CreateOnceError::IdempotencyRunning),
        }
        let lock = self.locking(" FOR SHARE");
        let insert = insert_one(self.database().dialect(), lock, tenant.gpt_id(), object);
        if transaction.execute_raw(insert).await?.rows_affected() == 0 {
            return Err(CreateOnceError::CollectionChanged);
        }
        let change_id = object.is_forwarded.then(Uuid::now_v7);
        let change = change_id.map(|change_id| NotedChange {
            gpt_id: tenant.gpt_id(),
            object_id: object.id,
            change_id,
        });
        self.note_changes(
            transaction,
            EventKind::Created,
            object.at,
            change.as_slice(),
        )
        .await?;
        self.keep_answer(transaction, tenant, idempotency, answer)
            .await?;
        Ok(CreateOnceOutcome::Done(change_id))
    }
}
