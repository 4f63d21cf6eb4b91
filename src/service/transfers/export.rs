//! Writing collections into a file of lines.
//!
//! The file has the id of its job, so that a job which is done again after a crash finds what it
//! wrote, and never writes two.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{Stream, stream};

use super::super::Service;
use super::super::files::NewFile;
use super::report::TransferReport;
use super::{MEDIA_TYPE, PURPOSE, Transfer};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::ids::{CollectionName, Tenant};
use crate::store::{CollectionRow, Holding, JobRow, Keyset, ListQuery, ObjectRow, Position};

/// Collections that are read at once.
const COLLECTIONS: u32 = 200;
/// Objects that are read at once, at most.
const OBJECTS: u32 = 1000;
/// Bytes of bodies that are read at once, about.
const BYTES: usize = 1 << 20;
/// How often the progress is kept.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// Where an export is.
struct Export {
    service: Service,
    tenant: Tenant,
    held: Holding,
    /// What is known of the collections to come, and whether there may be others behind them.
    collections: VecDeque<CollectionRow>,
    behind: Option<Option<Position>>,
    /// The only collection that is wanted.
    only: Option<CollectionName>,
    /// The collection whose objects are read, and the last of them so far.
    reading: Option<(CollectionName, Option<Position>)>,
    report: Arc<Mutex<TransferReport>>,
    noted: Instant,
}

impl Service {
    /// Does the export `job` from its beginning, unless its file is there. `None` when somebody else
    /// has it by now.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`]; the vault's and the store's.
    pub async fn run_export(
        &self,
        job: &JobRow,
        held: &Holding,
    ) -> Result<Option<TransferReport>, Error> {
        let (transfer, tenant) = Transfer::read(job)?;
        let now = Timestamp::now();
        if self.store.get_file(&tenant, job.id, now).await?.is_some() {
            return Ok(Some(TransferReport::read(&job.progress)?));
        }
        let report = Arc::new(Mutex::new(TransferReport::default()));
        let export = Export {
            service: self.clone(),
            held: held.clone(),
            collections: VecDeque::new(),
            behind: Some(None),
            only: transfer.collection()?,
            reading: None,
            report: report.clone(),
            noted: Instant::now(),
            tenant: tenant.clone(),
        };
        let name = format!("{}.ndjson", tenant.gpt_id());
        let file = NewFile::new("filename", name, MEDIA_TYPE.to_owned())?;
        let file = file.of_collections(transfer.collections());
        let details = self.file_details(PURPOSE, None)?;
        // The counts are kept before the file is there, since whoever finds it reads them.
        let finish = async {
            let document = lock(&report).to_document();
            let noted = self
                .store
                .note_job_progress(held, &document, Timestamp::now());
            if noted.await? {
                Ok(details)
            } else {
                // Of two who write it, the one that has the job keeps its file.
                Err(Error::Unavailable("another worker has the export".into()))
            }
        };
        self.keep_file(&tenant, job.id, file, export.stream(), finish)
            .await?;
        let report = lock(&report).clone();
        Ok(Some(report))
    }
}

impl Export {
    fn stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        stream::try_unfold(self, |mut export| async move {
            let lines = export.next().await?;
            Ok(lines.map(|lines| (lines, export)))
        })
    }

    /// The next lines; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.note().await?;
        loop {
            if let Some((name, after)) = self.reading.take() {
                let lines = self.objects(name, after).await?;
                if !lines.is_empty() {
                    return Ok(Some(lines.into()));
                }
            } else if let Some(row) = self.collections.pop_front() {
                let line = collection_line(&row);
                self.count(&line, 1, |report| &mut report.collections);
                self.reading = Some((row.name, None));
                return Ok(Some(line.into()));
            } else if let Some(after) = self.behind.take() {
                self.read_collections(after).await?;
            } else {
                return Ok(None);
            }
        }
    }

    /// The collections behind `after`, oldest first.
    async fn read_collections(&mut self, after: Option<Position>) -> Result<(), Error> {
        let store = &self.service.store;
        if let Some(name) = &self.only {
            let row = store.get_collection(&self.tenant, name).await?;
            self.collections.extend(row);
            return Ok(());
        }
        let page = Keyset {
            after,
            ascending: true,
            limit: COLLECTIONS,
        };
        let (rows, more) = store.list_collections(&self.tenant, &page).await?;
        let last = rows.last().map(|row| (row.created_at, row.id));
        self.behind = more.then_some(last);
        self.collections.extend(rows);
        Ok(())
    }

    /// The lines of the next objects of a collection, oldest first; none after the last.
    async fn objects(
        &mut self,
        name: CollectionName,
        after: Option<Position>,
    ) -> Result<String, Error> {
        let query = ListQuery {
            after,
            ascending: true,
            limit: OBJECTS,
            created_after: None,
            created_before: None,
            filter: None,
            max_bytes: BYTES,
        };
        let store = &self.service.store;
        let page = store.list_objects(&self.tenant, &name, &query).await?;
        let lines: String = page.items.iter().map(object_line).collect();
        self.count(&lines, page.items.len(), |report| &mut report.objects);
        self.reading = page.more.then_some((name, page.position));
        Ok(lines)
    }

    fn count(&self, lines: &str, count: usize, what: fn(&mut TransferReport) -> &mut u64) {
        let mut report = lock(&self.report);
        report.bytes += lines.len() as u64;
        report.lines += count as u64;
        *what(&mut report) += count as u64;
    }

    /// Keeps the progress, now and then. Who has lost the job learns it from its lease.
    async fn note(&mut self) -> Result<(), Error> {
        if self.noted.elapsed() < NOTE_EVERY {
            return Ok(());
        }
        self.noted = Instant::now();
        let (report, now) = (lock(&self.report).to_document(), Timestamp::now());
        let store = &self.service.store;
        store.note_job_progress(&self.held, &report, now).await?;
        Ok(())
    }
}

fn lock(report: &Mutex<TransferReport>) -> MutexGuard<'_, TransferReport> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A collection, as an import takes it.
fn collection_line(row: &CollectionRow) -> String {
    let schema = row.schema.as_ref().map_or("null", Document::as_str);
    format!("{{\"collection\":\"{}\",\"schema\":{schema}}}\n", row.name)
}

/// An object, as an import takes it. Names and times need no escapes.
fn object_line(row: &ObjectRow) -> String {
    format!(
        "{{\"collection\":\"{}\",\"id\":\"{}\",\"version\":{},\"created_at\":\"{}\",\
         \"updated_at\":\"{}\",\"body\":{}}}\n",
        row.collection,
        row.id,
        row.version,
        row.created_at,
        row.updated_at,
        row.body.as_str(),
    )
}
