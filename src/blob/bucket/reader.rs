//! Reading a range of an object, piece by piece.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore};
use tokio::task::spawn_blocking;

use super::Bucket;
use crate::blob::error::BlobError;
use crate::blob::key::Key;

/// An object that is being read.
pub struct Reading {
    /// The length of the whole object, in bytes.
    pub size: u64,
    source: Source,
}

/// Where the bytes come from.
enum Source {
    File {
        file: File,
        /// What is left of the range.
        range: Range<u64>,
    },
    Stream {
        coming: BoxStream<'static, Result<Bytes, BlobError>>,
        /// What has come and was not taken.
        arrived: BytesMut,
    },
}

impl Bucket {
    /// Reads `range` of the object at `key`, in constant memory: nothing is read before it is taken.
    /// A range that ends behind the object is cut to it.
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
        let source = match found.payload {
            GetResultPayload::File(file, _) => Source::File {
                file,
                range: found.range,
            },
            GetResultPayload::Stream(coming) => Source::Stream {
                coming: coming.map_err(BlobError::from).boxed(),
                arrived: BytesMut::new(),
            },
        };
        let size = found.meta.size;
        Ok(Reading { size, source })
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

impl Reading {
    /// What `work` makes of the next `length` bytes, and what reads on after them. It works on a
    /// thread of its own, together with the disk.
    ///
    /// # Errors
    /// [`Damaged`](crate::blob::BlobErrorKind::Damaged) when there are not so many, what the bucket
    /// reports, and what `work` does.
    pub async fn take<T: Send + 'static>(
        self,
        length: usize,
        work: impl FnOnce(BytesMut) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<(T, Self), BlobError> {
        let size = self.size;
        let taken = match self.source {
            Source::File { file, range } => spawn_blocking(move || {
                let made = work(read_file(&file, &range, length)?)?;
                let range = range.start + length as u64..range.end;
                Ok::<_, BlobError>((made, Source::File { file, range }))
            }),
            Source::Stream {
                mut coming,
                mut arrived,
            } => {
                let bytes = take_arrived(&mut coming, &mut arrived, length).await?;
                spawn_blocking(move || Ok((work(bytes)?, Source::Stream { coming, arrived })))
            }
        };
        let (made, source) = taken.await??;
        Ok((made, Self { size, source }))
    }
}

/// The first `length` bytes of `range`. Objects never change, so one that ends before the length it
/// was opened with was cut.
fn read_file(file: &File, range: &Range<u64>, length: usize) -> Result<BytesMut, BlobError> {
    if range.start + length as u64 > range.end {
        return Err(ends_too_early());
    }
    let mut bytes = BytesMut::zeroed(length);
    match file.read_exact_at(&mut bytes, range.start) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(BlobError::damaged(error)),
        Err(error) => Err(error.into()),
    }
}

/// The first `length` bytes of what has `arrived` and is `coming`.
async fn take_arrived(
    coming: &mut BoxStream<'static, Result<Bytes, BlobError>>,
    arrived: &mut BytesMut,
    length: usize,
) -> Result<BytesMut, BlobError> {
    // Room for all of it at once, not piece by piece.
    arrived.reserve(length.saturating_sub(arrived.len()));
    while arrived.len() < length {
        let bytes = coming.try_next().await?.ok_or_else(ends_too_early)?;
        arrived.extend_from_slice(&bytes);
    }
    Ok(arrived.split_to(length))
}

fn ends_too_early() -> BlobError {
    BlobError::damaged("the object ends too early")
}
