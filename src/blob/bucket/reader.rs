//! Reading a range of an object as a stream.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore};
use tokio::task::spawn_blocking;

use super::Bucket;
use crate::blob::error::BlobError;
use crate::blob::key::Key;

/// How much of a file is read at once: each read is a trip to another thread.
const FILE_READ: u64 = 256 * 1024;

/// An object that is being read.
pub struct Reading {
    /// The length of the whole object, in bytes.
    pub size: u64,
    /// The bytes asked for, as they come; nothing is read before it is asked for.
    pub bytes: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl Bucket {
    /// Reads `range` of the object at `key`, in constant memory. A range that ends behind the
    /// object is cut to it.
    ///
    /// # Errors
    /// [`NotFound`](crate::blob::BlobErrorKind::NotFound) when there is none, and what the bucket
    /// reports: for a range that is empty or begins behind the object, too.
    pub async fn read_range(&self, key: &Key, range: Range<u64>) -> Result<Reading, BlobError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let found = self.store.get_opts(key.path(), options).await?;
        let size = found.meta.size;
        let bytes = match found.payload {
            GetResultPayload::File(file, _) => read_file(file, found.range),
            GetResultPayload::Stream(bytes) => bytes.map_err(BlobError::from).boxed(),
        };
        Ok(Reading { size, bytes })
    }

    /// The length of the object at `key`, in bytes.
    ///
    /// # Errors
    /// [`NotFound`](crate::blob::BlobErrorKind::NotFound) when there is none, and what the bucket
    /// reports.
    pub async fn size(&self, key: &Key) -> Result<u64, BlobError> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        Ok(self.store.get_opts(key.path(), options).await?.meta.size)
    }
}

fn read_file(file: File, range: Range<u64>) -> BoxStream<'static, Result<Bytes, BlobError>> {
    stream::try_unfold((file, range), |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let (bytes, file) = spawn_blocking(move || {
            let length = FILE_READ.min(range.end - range.start);
            let mut bytes = vec![0; length as usize];
            read_exactly(&file, &mut bytes, range.start)?;
            Ok::<_, BlobError>((Bytes::from(bytes), (file, range.start + length..range.end)))
        })
        .await??;
        Ok(Some((bytes, file)))
    })
    .boxed()
}

/// Objects never change, so one that ends before the length it was opened with was cut.
fn read_exactly(file: &File, bytes: &mut [u8], start: u64) -> Result<(), BlobError> {
    file.read_exact_at(bytes, start)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => BlobError::damaged(error),
            _ => error.into(),
        })
}
