//! Reading a file of lines into collections.
//!
//! Lines are worked on in batches. A batch's objects and how far the file was read are committed
//! together, so that whoever takes over after a crash goes on behind the last batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::super::files::FileBytes;
use super::super::objects::changing_too_fast;
use super::super::{ATTEMPTS, Service};
use super::Transfer;
use super::line::Item;
use super::lines::Lines;
use super::report::{LineError, TransferReport};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::ids::{CollectionName, Tenant};
use crate::store::{
    CollectionRow, Holding, ImportError, ImportedObject, JobRow, ObjectRow, WriteError,
};

/// Lines that are committed together.
const BATCH: u64 = 1000;
/// Bytes of lines that are committed together, but for the last of them.
const BATCH_BYTES: u64 = 4 << 20;
/// What a line may have beside its body, in bytes.
const LINE_BYTES_BESIDE_BODY: usize = 4 << 10;

/// An import under way.
struct Import<'a> {
    service: &'a Service,
    tenant: Tenant,
    default: Option<CollectionName>,
    held: &'a Holding,
    report: TransferReport,
}

/// Lines that were read and are to be committed together.
#[derive(Default)]
struct Batch {
    objects: Vec<(u64, ObjectRow)>,
    ids: HashSet<Uuid>,
    errors: Vec<LineError>,
    lines: u64,
    bytes: u64,
    /// Collections that were put.
    collections: u64,
    /// The collection in the last of the lines; then there are no objects.
    collection: Option<(CollectionName, Option<Document>)>,
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
        let most = self.service.limits.document_bytes + LINE_BYTES_BESIDE_BODY;
        let mut lines = Lines::new(bytes, most);
        loop {
            let batch = self.gather(&mut lines).await?;
            let is_last = batch.lines == 0;
            if !self.commit(batch).await? {
                return Ok(false);
            }
            if is_last {
                return Ok(true);
            }
        }
    }

    /// Reads the next lines, which end with a collection, or when there are enough of them.
    async fn gather(&self, lines: &mut Lines<FileBytes>) -> Result<Batch, Error> {
        let limits = self.service.limits.document();
        let mut batch = Batch::default();
        while batch.has_room()
            && let Some(line) = lines.next().await?
        {
            let number = self.report.lines + batch.lines + 1;
            let item = match &line.text {
                Some(text) => Item::parse(text, self.default.as_ref(), &limits),
                None => Err(Error::TooLarge {
                    what: "The line",
                    limit: limits.max_bytes,
                }),
            };
            if matches!(item, Ok(Item::Collection(..))) && !batch.objects.is_empty() {
                // What stands before it comes before it.
                lines.put_back(line);
                break;
            }
            batch.lines += 1;
            batch.bytes += line.bytes;
            match item {
                Ok(Item::Blank) => {}
                Ok(Item::Object(row)) if batch.ids.insert(row.id) => {
                    batch.objects.push((number, row));
                }
                Ok(Item::Object(_)) => batch.errors.push(taken(number)),
                Ok(Item::Collection(name, schema)) => batch.collection = Some((name, schema)),
                Err(error) => batch.errors.push(LineError::new(number, &error)),
            }
        }
        Ok(batch)
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

    /// Checks the objects of a batch against their collections as they are now.
    async fn check(&self, batch: &Batch) -> Result<Checked, Error> {
        let mut heads: HashMap<&CollectionName, Head> = HashMap::new();
        let mut checked = Checked {
            objects: Vec::with_capacity(batch.objects.len()),
            errors: Vec::new(),
        };
        for (number, row) in &batch.objects {
            if !heads.contains_key(&row.collection) {
                heads.insert(&row.collection, self.head(&row.collection).await?);
            }
            match &heads[&row.collection] {
                Err(error) => checked.errors.push(LineError {
                    line: *number,
                    ..error.clone()
                }),
                Ok(head) => match self.service.validate(head, &row.body) {
                    Ok(()) => checked.objects.push(ImportedObject {
                        row: row.clone(),
                        collection_id: head.id,
                        collection_version: head.version,
                        is_forwarded: head.is_forwarded,
                    }),
                    Err(error) => {
                        let error = error.under("/body");
                        checked.errors.push(LineError::new(*number, &error));
                    }
                },
            }
        }
        Ok(checked)
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
        let those = |(_, row): &&(u64, ObjectRow)| were_there.contains(&row.id);
        errors.extend(
            batch
                .objects
                .iter()
                .filter(those)
                .map(|(line, _)| taken(*line)),
        );
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

impl Batch {
    fn has_room(&self) -> bool {
        self.collection.is_none() && self.lines < BATCH && self.bytes < BATCH_BYTES
    }
}

fn taken(line: u64) -> LineError {
    LineError {
        line,
        detail: "there is an object with this id already".to_owned(),
    }
}
