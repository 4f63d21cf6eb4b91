//! Reading a file of lines into collections.
//!
//! Lines are worked on in batches. A batch's objects and how far the file was read are committed
//! together, so that whoever takes over after a crash goes on behind the last batch. While one is
//! written the next is read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::super::idempotency::internal;
use super::super::objects::changing_too_fast;
use super::super::{ATTEMPTS, Service};
use super::Transfer;
use super::batches::{Batch, Reader, SentObject, taken};
use super::report::{LineError, TransferReport};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::ids::{CollectionName, Tenant};
use crate::store::{CollectionRow, Holding, ImportError, ImportedObject, JobRow, WriteError};

/// An import under way.
struct Import<'a> {
    service: &'a Service,
    tenant: Tenant,
    default: Option<CollectionName>,
    held: &'a Holding,
    report: TransferReport,
}

/// The objects of a batch that may be inserted, and what is wrong with the others.
struct Checked {
    objects: Vec<ImportedObject>,
    errors: Vec<LineError>,
}

/// A collection as lines are checked against it, or why none can be.
type Head = Result<Arc<CollectionRow>, LineError>;

impl Service {
    /// Does the import `job`, or the rest of it. `None` when somebody else has it by now.
    ///
    /// # Errors
    /// [`Error::FileNotFound`] when the file has gone; the vault's and the store's.
    pub async fn run_import(
        &self,
        job: &JobRow,
        held: &Holding,
    ) -> Result<Option<TransferReport>, Error> {
        let (transfer, tenant) = Transfer::read(job)?;
        let mut import = Import {
            service: self,
            tenant,
            default: transfer.collection()?,
            held,
            report: TransferReport::read(&job.progress)?,
        };
        let file = transfer.file.ok_or(Error::FileNotFound)?;
        if !import.report.is_complete() && !import.read(file).await? {
            return Ok(None);
        }
        if transfer.is_ours {
            self.remove_file(&import.tenant, file).await?;
        }
        Ok(Some(import.report))
    }
}

impl Import<'_> {
    /// Reads the rest of the file. False when somebody else has the job by now.
    async fn read(&mut self, file: Uuid) -> Result<bool, Error> {
        let content = self.service.file_content(&self.tenant, file).await?;
        let end = content.row.bytes;
        self.report.total_bytes = Some(end);
        let bytes = content.bytes(self.report.bytes.min(end)..end).await?;
        let limits = self.service.limits.document();
        let reader = Reader::new(bytes, self.default.clone(), limits, self.report.lines);
        let mut coming = tokio::spawn(reader.next());
        loop {
            let (batches, reader) = coming.await.map_err(internal)??;
            if batches.is_empty() {
                return self.commit(Batch::default()).await;
            }
            coming = tokio::spawn(reader.next());
            for batch in batches {
                if !self.commit(batch).await? {
                    return Ok(false);
                }
            }
        }
    }

    /// Writes a batch. False when somebody else has the job by now.
    async fn commit(&mut self, mut batch: Batch) -> Result<bool, Error> {
        if let Some((name, schema)) = batch.collection.take() {
            let number = self.report.lines + batch.lines;
            // It is put before its line is counted: to put it again does nothing.
            match self.put_collection(&name, schema.as_ref()).await {
                Ok(()) => batch.collections = 1,
                Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
                Err(error) => batch.errors.push(LineError::new(number, &error)),
            }
        }
        let batch = Arc::new(batch);
        for _ in 0..ATTEMPTS {
            let checked = self.check(&batch).await?;
            let report = |taken: &HashSet<Uuid>| self.after(&batch, &checked, taken);
            let store = &self.service.store;
            let imported = store
                .import_objects(&self.tenant, &checked.objects, self.held, |taken| {
                    report(taken).to_document()
                })
                .await;
            match imported {
                Ok(taken) => {
                    let after = report(&taken);
                    self.report = after;
                    if checked.objects.iter().any(|object| object.is_forwarded) {
                        self.service.queue.announce_changes().await;
                    }
                    return Ok(true);
                }
                Err(ImportError::Lost) => return Ok(false),
                Err(ImportError::CollectionChanged) => self.forget(&checked),
                Err(ImportError::Store(error)) => return Err(error.into()),
            }
        }
        Err(changing_too_fast())
    }

    /// Checks the objects of a batch against their collections as they are now, where it keeps
    /// nobody from the processor.
    async fn check(&self, batch: &Arc<Batch>) -> Result<Checked, Error> {
        let mut heads = HashMap::new();
        for SentObject { row, .. } in &batch.objects {
            if !heads.contains_key(&row.collection) {
                heads.insert(row.collection.clone(), self.head(&row.collection).await?);
            }
        }
        let (service, batch) = (self.service.clone(), batch.clone());
        let check = move || Checked::of(&batch, &service, &heads);
        spawn_blocking(check).await.map_err(internal)
    }

    async fn head(&self, name: &CollectionName) -> Result<Head, Error> {
        match self.service.collection_head(&self.tenant, name).await {
            Ok(head) => Ok(Ok(head)),
            Err(error @ Error::CollectionNotFound) => Ok(Err(LineError::new(0, &error))),
            Err(error) => Err(error),
        }
    }

    fn forget(&self, checked: &Checked) {
        for object in &checked.objects {
            self.service.forget(&self.tenant, &object.row.collection);
        }
    }

    /// The report once the batch is committed, of which the objects with these ids were there.
    fn after(
        &self,
        batch: &Batch,
        checked: &Checked,
        were_there: &HashSet<Uuid>,
    ) -> TransferReport {
        let mut report = self.report.clone();
        report.lines += batch.lines;
        report.bytes += batch.bytes;
        report.collections += batch.collections;
        report.objects += (checked.objects.len() - were_there.len()) as u64;
        let mut errors = [batch.errors.as_slice(), &checked.errors].concat();
        let were_there = batch
            .objects
            .iter()
            .filter(|object| were_there.contains(&object.row.id));
        errors.extend(were_there.map(|object| taken(object.line)));
        report.add_errors(errors);
        report
    }

    async fn put_collection(
        &self,
        name: &CollectionName,
        schema: Option<&Document>,
    ) -> Result<(), Error> {
        if !self.tenant.sees(name) {
            return Err(Error::CollectionNotFound);
        }
        let schema = match schema {
            Some(schema) => Some(self.service.checked_schema(schema.clone()).await?),
            None => None,
        };
        let (id, now) = (Uuid::now_v7(), Timestamp::now());
        let any = |_: Option<&CollectionRow>| Ok::<_, Error>(());
        let store = &self.service.store;
        let put = store.put_collection(&self.tenant, name, schema.as_ref(), id, now, any);
        match put.await {
            Ok((row, _)) => {
                self.service.remember(&self.tenant, row);
                Ok(())
            }
            Err(WriteError::Refused(error)) => Err(error),
            Err(WriteError::Store(error)) => Err(error.into()),
        }
    }
}

impl Checked {
    fn of(batch: &Batch, service: &Service, heads: &HashMap<CollectionName, Head>) -> Self {
        let mut checked = Self {
            objects: Vec::with_capacity(batch.objects.len()),
            errors: Vec::new(),
        };
        for object in &batch.objects {
            match checked_object(object, service, &heads[&object.row.collection]) {
                Ok(object) => checked.objects.push(object),
                Err(error) => checked.errors.push(error),
            }
        }
        checked
    }
}

fn checked_object(
    object: &SentObject,
    service: &Service,
    head: &Head,
) -> Result<ImportedObject, LineError> {
    let head = head.as_ref().map_err(|error| LineError {
        line: object.line,
        ..error.clone()
    })?;
    let valid = service.validate(head, &object.row.body);
    valid.map_err(|error| LineError::new(object.line, &error.under("/body")))?;
    Ok(ImportedObject {
        row: object.row.clone(),
        collection_id: head.id,
        collection_version: head.version,
        is_forwarded: head.is_forwarded,
        has_own_id: object.has_own_id,
    })
}
