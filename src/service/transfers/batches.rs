//! Lines of a file, read and understood many at a time.

use std::collections::HashSet;

use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::super::files::FileBytes;
use super::super::idempotency::internal;
use super::line::Item;
use super::lines::{Line, Lines};
use super::report::LineError;
use crate::document::{Document, Limits};
use crate::error::Error;
use crate::ids::CollectionName;
use crate::store::ObjectRow;

/// Lines that are committed together, at most.
const BATCH: usize = 2000;
/// Bytes of lines that are committed together, but for the last of them.
const BATCH_BYTES: u64 = 4 << 20;
/// What a line may have beside its body, in bytes.
const LINE_BYTES_BESIDE_BODY: usize = 4 << 10;

/// What reads a file of lines.
pub(super) struct Reader {
    lines: Lines<FileBytes>,
    /// The collection of lines that name none.
    default: Option<CollectionName>,
    limits: Limits,
    /// Lines that were read.
    count: u64,
}

/// Lines that are to be committed together.
#[derive(Default)]
pub(super) struct Batch {
    /// Objects, of which no two have the same id.
    pub(super) objects: Vec<SentObject>,
    /// The ids that came with them.
    ids: HashSet<Uuid>,
    /// What is wrong with the other lines.
    pub(super) errors: Vec<LineError>,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// Collections that were put.
    pub(super) collections: u64,
    /// The collection in the last of the lines; then there are no objects.
    pub(super) collection: Option<(CollectionName, Option<Document>)>,
}

/// An object in a line.
pub(super) struct SentObject {
    /// The line's number, from 1.
    pub(super) line: u64,
    pub(super) row: ObjectRow,
    /// Whether the line names its id.
    pub(super) has_own_id: bool,
}

impl Reader {
    /// Reads `content`, the rest of a file of which `count` lines were read before.
    pub(super) fn new(
        content: FileBytes,
        default: Option<CollectionName>,
        limits: Limits,
        count: u64,
    ) -> Self {
        Self {
            lines: Lines::new(content, limits.max_bytes + LINE_BYTES_BESIDE_BODY),
            default,
            limits,
            count,
        }
    }

    /// The batches that the next lines make, and what reads on behind them. After the last line
    /// there are none.
    ///
    /// # Errors
    /// When the content cannot be read.
    pub(super) async fn next(mut self) -> Result<(Vec<Batch>, Self), Error> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < BATCH
            && bytes < BATCH_BYTES
            && let Some(line) = self.lines.next().await?
        {
            bytes += line.bytes;
            lines.push(line);
        }
        // Where it keeps nobody from the processor.
        let understand = move || (self.batches(&lines), self);
        spawn_blocking(understand).await.map_err(internal)
    }

    fn batches(&mut self, lines: &[Line]) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut batch = Batch::default();
        for line in lines {
            self.count += 1;
            let item = self.item(line);
            if matches!(item, Ok(Item::Collection(..))) && !batch.objects.is_empty() {
                // What stands before it comes before it.
                batches.push(std::mem::take(&mut batch));
            }
            batch.add(self.count, line.bytes, item);
            if batch.collection.is_some() {
                batches.push(std::mem::take(&mut batch));
            }
        }
        if batch.lines > 0 {
            batches.push(batch);
        }
        batches
    }

    fn item(&self, line: &Line) -> Result<Item, Error> {
        match &line.text {
            Some(text) => Item::parse(text, self.default.as_ref(), &self.limits),
            None => Err(Error::TooLarge {
                what: "The line",
                limit: self.limits.max_bytes,
            }),
        }
    }
}

impl Batch {
    /// Adds the line of this number, of so many bytes.
    fn add(&mut self, line: u64, bytes: u64, item: Result<Item, Error>) {
        self.lines += 1;
        self.bytes += bytes;
        match item {
            Ok(Item::Blank) => {}
            Ok(Item::Object(row, true)) if !self.ids.insert(row.id) => {
                self.errors.push(taken(line));
            }
            Ok(Item::Object(row, has_own_id)) => self.objects.push(SentObject {
                line,
                row,
                has_own_id,
            }),
            Ok(Item::Collection(name, schema)) => self.collection = Some((name, schema)),
            Err(error) => self.errors.push(LineError::new(line, &error)),
        }
    }
}

/// What is wrong with a line whose id is taken.
pub(super) fn taken(line: u64) -> LineError {
    LineError {
        line,
        detail: "there is an object with this id already".to_owned(),
    }
}
