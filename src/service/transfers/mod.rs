//! Whole collections and GPTs, in and out, as lines of JSON (NDJSON).
//!
//! A line is an object, `{"collection", "body"}` with its `id`, `version`, `created_at` and
//! `updated_at` if it had them, or a collection, `{"collection", "schema"}`. What an export writes
//! an import takes.

mod batches;
mod export;
mod import;
mod line;
mod lines;
mod report;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use report::{LineError, TransferReport};

use super::Service;
use super::files::{FileBytes, Lifetime, NewFile, file_id};
use super::idempotency::internal;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::ids::{CollectionName, Tenant};
use crate::store::{JobRow, NewJob};

/// The kind of jobs that import.
pub const IMPORT: &str = "import";
/// The kind of jobs that export.
pub const EXPORT: &str = "export";
/// Attempts without progress before a job is a dead letter.
const ATTEMPTS: u32 = 8;
/// What the files of exports, and those that imports are read from, are for.
const PURPOSE: &str = "user_data";
/// How they are told apart from other files.
const MEDIA_TYPE: &str = "application/x-ndjson";
/// Stands for all collections; none has this name.
const EVERY: &str = "*";
/// How long lines that were sent wait for a worker.
const SENT_LINES_MEMORY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What an import or an export is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transfer {
    /// The file to read; none for an export.
    file: Option<Uuid>,
    /// Whether the file is deleted once it was read.
    #[serde(default)]
    is_ours: bool,
    /// The collection of lines that name none, or the only one to export.
    collection: Option<String>,
    /// The only collections that whoever asked may see.
    narrowed_to: Option<Vec<String>>,
}

/// What a job of a GPT came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TransferResult {
    /// The file that an export wrote.
    pub file_id: Option<String>,
}

impl TransferResult {
    /// What the export `job` wrote: its file has the job's id.
    #[must_use]
    pub fn of_export(job: &JobRow) -> Self {
        Self {
            file_id: Some(file_id(job.id)),
        }
    }

    /// What the result of a job says.
    ///
    /// # Errors
    /// [`Error::Internal`] for what this program has not written.
    pub fn read(result: &Document) -> Result<Self, Error> {
        serde_json::from_str(result.as_str()).map_err(internal)
    }

    /// As the job keeps it.
    ///
    /// # Errors
    /// None that can happen.
    pub fn to_document(&self) -> Result<Document, Error> {
        let text = serde_json::to_string(self).map_err(internal)?;
        Ok(Document::from_canonical(text))
    }
}

impl Service {
    /// An import or an export of the caller's GPT, of collections that the caller may see.
    ///
    /// # Errors
    /// [`Error::JobNotFound`]; the store's.
    pub async fn get_job(&self, caller: &Caller, id: Uuid) -> Result<JobRow, Error> {
        let row = self.store.get_job(caller.tenant(), id).await?;
        let is_transfer = |row: &JobRow| [IMPORT, EXPORT].contains(&row.kind.as_str());
        let row = row.filter(is_transfer).ok_or(Error::JobNotFound)?;
        let (transfer, _) = Transfer::read(&row)?;
        let is_seen = transfer.is_seen_by(caller.tenant(), row.kind == EXPORT);
        is_seen.then_some(row).ok_or(Error::JobNotFound)
    }

    /// Imports what is in a file of the GPT. Lines without a collection are for `collection`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not read files, [`Error::FileNotFound`],
    /// [`Error::CollectionNotFound`]; the store's.
    pub async fn import_file(
        &self,
        caller: &Caller,
        file_id: &str,
        collection: Option<CollectionName>,
    ) -> Result<JobRow, Error> {
        require(caller, Scope::FilesRead)?;
        let tenant = caller.tenant();
        self.expect_collection(tenant, collection.as_ref()).await?;
        let file = self.file_uuid(caller, file_id).await?;
        let transfer = Transfer::of(tenant, Some(file), collection);
        self.start_transfer(tenant, IMPORT, &transfer).await
    }

    /// Imports the lines in `content`, which are stored before anything is done with them.
    ///
    /// # Errors
    /// Those of `content`, as they are; [`Error::CollectionNotFound`], [`Error::QuotaExceeded`];
    /// the vault's and the store's.
    pub async fn import_lines(
        &self,
        tenant: &Tenant,
        content: impl Stream<Item = Result<Bytes, Error>> + Send,
        collection: Option<CollectionName>,
    ) -> Result<JobRow, Error> {
        self.expect_collection(tenant, collection.as_ref()).await?;
        let file = NewFile::new("body", "import.ndjson".to_owned(), MEDIA_TYPE.to_owned())?;
        // A line may name any collection that the caller sees.
        let file = file.of_collections(Transfer::of(tenant, None, None).collections());
        let time = self.longest_lifetime().min(SENT_LINES_MEMORY);
        let place = "body";
        let details = self.file_details(PURPOSE, Some(Lifetime { time, place }))?;
        let id = Uuid::now_v7();
        self.keep_file(tenant, id, file, content, ready(Ok(details)))
            .await?;
        let transfer = Transfer {
            is_ours: true,
            ..Transfer::of(tenant, Some(id), collection)
        };
        self.start_transfer(tenant, IMPORT, &transfer).await
    }

    /// Exports everything that the caller sees, or one collection, into a file.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not write files; as [`Self::export_all`].
    pub async fn export(
        &self,
        caller: &Caller,
        collection: Option<CollectionName>,
    ) -> Result<JobRow, Error> {
        require(caller, Scope::FilesWrite)?;
        self.export_all(caller.tenant(), collection).await
    }

    /// Exports everything that the tenant sees, or one collection, into a file.
    ///
    /// # Errors
    /// [`Error::CollectionNotFound`]; the store's.
    pub async fn export_all(
        &self,
        tenant: &Tenant,
        collection: Option<CollectionName>,
    ) -> Result<JobRow, Error> {
        self.expect_collection(tenant, collection.as_ref()).await?;
        let transfer = Transfer::of(tenant, None, collection);
        self.start_transfer(tenant, EXPORT, &transfer).await
    }

    /// What the export `job`, which succeeded, wrote. Once it was read it may be removed.
    ///
    /// # Errors
    /// [`Error::FileNotFound`]; the vault's and the store's.
    pub async fn exported(&self, tenant: &Tenant, job: &JobRow) -> Result<FileBytes, Error> {
        let content = self.file_content(tenant, job.id).await?;
        let end = content.row.bytes;
        content.bytes(0..end).await
    }

    /// Removes what the export `job` wrote.
    ///
    /// # Errors
    /// The store's.
    pub async fn remove_exported(&self, tenant: &Tenant, job: &JobRow) -> Result<(), Error> {
        self.remove_file(tenant, job.id).await
    }

    async fn expect_collection(
        &self,
        tenant: &Tenant,
        collection: Option<&CollectionName>,
    ) -> Result<(), Error> {
        let Some(name) = collection else {
            return Ok(());
        };
        let found = self.store.get_collection(tenant, name).await?;
        found.map(|_| ()).ok_or(Error::CollectionNotFound)
    }

    async fn start_transfer(
        &self,
        tenant: &Tenant,
        kind: &'static str,
        transfer: &Transfer,
    ) -> Result<JobRow, Error> {
        let now = Timestamp::now();
        let payload = serde_json::to_string(transfer).map_err(internal)?;
        let payload = Document::parse(&payload, &self.limits.document());
        let job = NewJob {
            gpt_id: Some(tenant.gpt_id().clone()),
            id: Uuid::now_v7(),
            kind,
            payload: payload.map_err(internal)?,
            unique_key: None,
            max_attempts: ATTEMPTS,
            run_at: now,
            created_at: now,
        };
        self.queue.enqueue(&job).await?;
        let row = self.store.get_job(tenant, job.id).await?;
        row.ok_or(Error::JobNotFound)
    }
}

impl Transfer {
    fn of(tenant: &Tenant, file: Option<Uuid>, collection: Option<CollectionName>) -> Self {
        let narrowed_to = tenant.collections();
        Self {
            file,
            is_ours: false,
            collection: collection.map(|name| name.to_string()),
            narrowed_to: narrowed_to.map(|names| names.iter().map(ToString::to_string).collect()),
        }
    }

    /// What the payload of `job` says, and on whose behalf.
    ///
    /// # Errors
    /// [`Error::Internal`] for what this program has not written.
    pub(super) fn read(job: &JobRow) -> Result<(Self, Tenant), Error> {
        let transfer: Self = serde_json::from_str(job.payload.as_str()).map_err(internal)?;
        let gpt_id = job.gpt_id.clone();
        let gpt_id = gpt_id.ok_or_else(|| Error::Internal("a transfer without a GPT".into()))?;
        let Some(names) = &transfer.narrowed_to else {
            return Ok((transfer, Tenant::vouched(gpt_id)));
        };
        let names = names.iter().map(|name| name.parse().map_err(internal));
        let names: Vec<CollectionName> = names.collect::<Result<_, _>>()?;
        let tenant = Tenant::narrowed(gpt_id, Arc::from(names));
        Ok((transfer, tenant))
    }

    /// The collections whose content is transferred, [`EVERY`] for all of them.
    fn collections(&self) -> Vec<String> {
        let only = self.collection.clone().map(|name| vec![name]);
        let seen = only.or_else(|| self.narrowed_to.clone());
        seen.unwrap_or_else(|| vec![EVERY.to_owned()])
    }

    /// Whether the caller may see all collections that it may tell of; any line of an import may name
    /// one.
    fn is_seen_by(&self, tenant: &Tenant, is_export: bool) -> bool {
        let Some(own) = tenant.collections() else {
            return true;
        };
        let any = || vec![EVERY.to_owned()];
        let told = match is_export {
            true => self.collections(),
            false => self.narrowed_to.clone().unwrap_or_else(any),
        };
        told.iter()
            .all(|name| own.iter().any(|own| own.as_str() == name))
    }

    fn collection(&self) -> Result<Option<CollectionName>, Error> {
        let name = self.collection.as_deref().map(str::parse);
        name.transpose().map_err(internal)
    }
}

/// Checks that the caller may do what the job will do for it.
fn require(caller: &Caller, scope: Scope) -> Result<(), Error> {
    let principal = caller.principal();
    if principal.scopes.contains(scope) {
        return Ok(());
    }
    let noun = principal.who.noun();
    Err(Error::Forbidden(format!(
        "The {noun} lacks the scope `{scope}`."
    )))
}
