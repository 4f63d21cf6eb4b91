//! The rules: what may be stored, changed and seen. Knows neither HTTP nor SQL.

mod applications;
mod audit;
mod batch;
mod collections;
mod documents;
mod files;
mod gpts;
mod idempotency;
mod jobs;
mod keys;
pub mod oauth;
mod objects;
mod pages;
mod precondition;
mod sessions;
mod signing_keys;
mod storage;
mod transfers;
mod usage;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

pub use applications::{ApplicationUpdate, IssuedApplication, NewApplication};
pub use audit::{Audit, AuditWriter};
pub use batch::{BatchItem, BatchOutcome, Operation, OperationKind};
pub use collections::{NewSchema, Upserted};
pub use documents::{parse_document, parse_value};
pub use files::{
    FileBytes, FileContent, FileCounters, FileDetails, FileLimits, FileQuery, FileRow, Files,
    Lifetime, NewFile, NewUpload, Orphans, PURGE, PURGE_GPT, PURGE_ORPHANS, PartRow, Purged,
    RewrapReport, SignedLink, UploadRow, UploadState,
};
pub use idempotency::IdempotencyKey;
pub use keys::{IssuedKey, KeyRequest};
pub use objects::Created;
pub use pages::{ListRequest, Page, Position, Rows, SEARCH_BYTES};
pub use precondition::Preconditions;
pub use storage::{Found, KeyChange, Namespace, NamespaceView, PatchStorage};
pub use transfers::{EXPORT, IMPORT, LineError, TransferReport, TransferResult};
pub use usage::GptUsage;
pub use webhooks::IssuedWebhook;

pub use crate::store::{
    ApplicationRow, AuditQuery, AuditRow, CollectionRow, Connections, EndReason, EventQuery,
    EventRow, EventState, GptRow, GrantType, JobQuery, JobRow, JobState, KeyRow, Keyset, ObjectRow,
    SessionGrant, SessionQuery, SessionRow, SigningKeyRow, WebhookRow,
};

use crate::auth::{Revocations, Tokens};
use crate::clock::Timestamp;
use crate::config::{FileRules, Limits};
use crate::document::schema::SchemaCache;
use crate::error::Error;
use crate::ids::{CollectionName, GptId, Tenant};
use crate::jobs::Queue;
use crate::lookups::Lookups;
use crate::probe::Probe;
use crate::store::{Store, StoreError, StoreErrorKind};
use storage::Storage;
use webhooks::Webhooks;

/// Collections remembered at once.
const REMEMBERED_COLLECTIONS: u64 = 10_000;
/// Bytes of compiled schemas remembered at once.
const SCHEMA_MEMORY: u64 = 64 << 20;
/// How long a code or refresh token that is over is known, so that its reuse is noticed.
const GRANT_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the operator sees a session that is over.
const SESSION_MEMORY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How often a write is tried again because the collection changed under it.
const ATTEMPTS: usize = 16;

/// Everything the service can do.
#[derive(Clone)]
pub struct Service {
    store: Store,
    limits: Limits,
    schemas: SchemaCache,
    /// The collections last seen. A write names the id and version that it was checked against, and
    /// the store refuses it when they are no longer those in force, so this may be out of date.
    collections: Cache<(GptId, CollectionName), Arc<CollectionRow>>,
    collection_lookups: Arc<Lookups>,
    storage: Storage,
    files: Files,
    revocations: Revocations,
    tokens: Option<Tokens>,
    queue: Queue,
    webhooks: Option<Arc<Webhooks>>,
}

impl Service {
    /// The service over `store`, with everything in the database, and without files.
    #[must_use]
    pub fn new(store: Store, limits: Limits) -> Self {
        Self {
            queue: Queue::local(store.clone()),
            store,
            limits,
            schemas: SchemaCache::new(SCHEMA_MEMORY),
            collections: Cache::new(REMEMBERED_COLLECTIONS),
            collection_lookups: Arc::default(),
            storage: Storage::Local,
            files: Files::closed(FileRules::default()),
            revocations: Revocations::default(),
            tokens: None,
            webhooks: None,
        }
    }

    /// The same service, which issues access tokens.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// The same service, which hands its jobs in there.
    #[must_use]
    pub fn with_queue(mut self, queue: Queue) -> Self {
        self.queue = queue;
        self
    }

    /// Who wants to know when keys, applications or sessions end on this node.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How often a collection was known already.
    #[must_use]
    pub fn collection_lookups(&self) -> &Lookups {
        &self.collection_lookups
    }

    /// The connections to the database.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.store.connections()
    }

    /// Asks the database whether it is there.
    pub async fn probe_database(&self) -> Probe {
        Probe::of("database", self.store.ping()).await
    }

    /// Asks for the jobs, whether they can be counted.
    pub async fn probe_queue(&self) -> Probe {
        Probe::of("queue", self.queue.look()).await
    }

    /// Removes answers to idempotency keys, and grants and signing keys, whose time is over.
    ///
    /// # Errors
    /// The store's.
    pub async fn sweep(&self) -> Result<(), Error> {
        let now = Timestamp::now();
        self.store.sweep_idempotency_keys(now).await?;
        self.store.prune_signing_keys(now).await?;
        let (grants, sessions) = (now.minus(GRANT_MEMORY), now.minus(SESSION_MEMORY));
        self.store.prune_grants(grants, sessions).await?;
        Ok(())
    }

    /// A collection that was seen before, if the caller may see it.
    fn remembered(&self, tenant: &Tenant, name: &CollectionName) -> Option<Arc<CollectionRow>> {
        let known = self
            .collections
            .get(&(tenant.gpt_id().clone(), name.clone()));
        let known = self.collection_lookups.note(known);
        known.filter(|_| tenant.sees(name))
    }

    fn remember(&self, tenant: &Tenant, row: CollectionRow) -> Arc<CollectionRow> {
        let row = Arc::new(row);
        let key = (tenant.gpt_id().clone(), row.name.clone());
        self.collections.insert(key, row.clone());
        row
    }

    fn forget(&self, tenant: &Tenant, name: &CollectionName) {
        self.collections
            .invalidate(&(tenant.gpt_id().clone(), name.clone()));
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Unavailable
            | StoreErrorKind::Serialization
            | StoreErrorKind::Timeout => Self::Unavailable(Box::new(error)),
            StoreErrorKind::UniqueViolation(_)
            | StoreErrorKind::ForeignKeyViolation
            | StoreErrorKind::InvalidText
            | StoreErrorKind::Settings
            | StoreErrorKind::Bug => Self::Internal(Box::new(error)),
        }
    }
}
