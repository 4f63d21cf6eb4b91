//! The persistence layer: SeaORM entities and queries on SQLite and PostgreSQL, the only SQL here.
//!
//! Every function that touches a tenant's rows takes [`Tenant`](crate::ids::Tenant) first, so a
//! query that forgets the tenant cannot be written. Administration of GPTs and keys is the
//! exception: the operator stands above tenants.
//!
//! The same statements run on both databases wherever they can. What differs stands beside each
//! other: locks (row locks on PostgreSQL, one writer and `BEGIN IMMEDIATE` on SQLite), arrays
//! (`unnest` on PostgreSQL, loops within one transaction on SQLite), and containment (`@>` on
//! PostgreSQL, [`Pattern`](crate::document::Pattern) on SQLite).
//!
//! A write that is reported as done is durable: committed with `synchronous_commit` on
//! PostgreSQL, with `synchronous=FULL` on SQLite. Speed comes from committing together.

use std::sync::Arc;

mod applications;
mod audit;
mod backup;
mod checkpoint;
mod coalesce;
mod collections;
mod connect;
mod copy;
mod entity;
mod error;
mod events;
mod files;
mod gpts;
mod grants;
mod idempotency;
mod jobs;
mod keys;
mod keyset;
mod migrate;
mod namespaces;
mod objects;
mod rows;
mod sessions;
mod settings;
mod signing_keys;
#[cfg(test)]
pub(crate) mod tests;
mod touch;
mod transaction;
mod usage;
mod values;

pub use applications::{ApplicationChange, ApplicationRow};
pub use audit::{AuditQuery, AuditRow};
pub use backup::{BackupError, UNFINISHED, back_up, restore};
pub use collections::{DeletedCollection, Put};
pub use connect::{Backend, Connections, DatabaseSettings};
pub use error::{StoreError, StoreErrorKind, UniqueKey, WriteError};
pub use events::{
    Attempt, ClaimedWebhook, DueEvent, EventBacklog, EventKind, EventQuery, EventRow, EventState,
    NewWebhook, WebhookRow, WebhookSecrets,
};
pub use files::{
    BlobRow, ClaimedBlob, FileFilter, FileQuota, FileRefusal, FileUsage, Rewrapped, StoredFile,
    StoredPart, StoredUpload, TenantBlob, UploadStage, UploadedPart,
};
pub use gpts::GptRow;
pub use grants::{
    AuthorizationCodeRow, CodeExchange, NewRefreshToken, NewSession, RefreshExchange,
    RefreshTokenRow,
};
pub use idempotency::Idempotency;
pub use jobs::{Holding, JobBacklog, JobQuery, JobRow, JobState, JobWakeups, NewJob};
pub use keys::{KeyRow, NewKey};
pub use keyset::{Keyset, Position};
pub use namespaces::{EntryChange, NamespacePart, NamespacePatch, NamespaceRow, PatchedNamespace};
pub use objects::batch::{BatchError, BatchOutcome, BatchWrite, LockedBatch, ObjectUpdate};
pub use objects::create::CreateError;
pub use objects::create_once::{CreateOnceError, CreateOnceOutcome};
pub use objects::import::{ImportError, ImportedObject};
pub use objects::list::{ListQuery, Page};
pub use objects::update::{Change, LockedObject, Updated};
pub use rows::{CollectionRow, NewObject, ObjectRow};
pub use sessions::{EndReason, GrantType, SessionGrant, SessionKey, SessionQuery, SessionRow};
pub use signing_keys::SigningKeyRow;
pub use touch::Uses;
pub use usage::{CallCounts, StoredUsage};

use connect::Database;
use idempotency::RunningKeys;
use objects::create::Creates;
use objects::get::Reads;

/// The database, and the tasks that commit concurrent writes together.
///
/// Cheap to clone. The tasks end, after finishing what was asked of them, when the last clone is
/// dropped or when [`Store::close`] is called.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    creates: Creates,
    reads: Reads,
    running_keys: RunningKeys,
    tasks: coalesce::Tasks,
}

impl Store {
    /// Opens the database that `settings` names and starts the store's tasks.
    ///
    /// SQLite: creates the file (mode 0600) and its directory when they are missing.
    /// PostgreSQL: does not wait for a connection, so that a server can start, and stays up,
    /// while the database is away; until it is back every call fails with
    /// [`StoreErrorKind::Unavailable`] within `acquire_timeout`.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Settings`] when the URL cannot be used, and [`StoreErrorKind::Unavailable`]
    /// when the SQLite file cannot be opened.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        let database = connect::open(settings).await?;
        Ok(Self::start(database))
    }

    fn start(database: Database) -> Self {
        let mut tasks = coalesce::Tasks::new();
        let creates = Creates::start(&database, &mut tasks);
        let reads = Reads::start(&database, &mut tasks);
        checkpoint::start(&database, &mut tasks);
        Self {
            inner: Arc::new(Inner {
                database,
                creates,
                reads,
                running_keys: RunningKeys::default(),
                tasks,
            }),
        }
    }

    /// Which database this is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.database().backend()
    }

    /// Asks the database for an answer, for health checks.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] when there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.database().reads().ping().await?)
    }

    /// The connections of this process, in all pools.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.database().connections()
    }

    /// Finishes what was asked before, then closes all connections. Later calls fail with
    /// [`StoreErrorKind::Unavailable`].
    pub async fn close(&self) {
        self.inner.tasks.finish().await;
        self.database().close().await;
    }

    fn database(&self) -> &Database {
        &self.inner.database
    }
}
