//! Reading sealed blobs: the chunks that a range touches, one after the other.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tokio::task::yield_now;
use uuid::Uuid;

use super::Identity;
use super::keys::MasterKeys;
use super::layout::{CHUNK, ChunkCipher, HEADER, Layout, check_header};
use super::seal::CHUNKS_IN_A_ROW;
use super::wrap::WrappedKey;
use crate::blob::bucket::{Bucket, Reading};
use crate::blob::error::{BlobError, BlobErrorKind};
use crate::blob::key::Key;
use crate::ids::Tenant;

/// A blob that holds a file, or the part of a file that stands where the segments before it end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The blob's id.
    pub blob: Uuid,
    /// Its length in bytes, as the caller knows it.
    pub bytes: u64,
    /// SHA-256 of the same bytes.
    pub sha256: [u8; 32],
    /// Its key.
    pub wrapped: WrappedKey,
}

/// What reads the segments of a file.
pub(in crate::blob) struct Opener {
    pub bucket: Bucket,
    pub keys: MasterKeys,
    pub tenant: Tenant,
}

/// Segments with the ranges of them that are to be read, the first of them open.
struct Reader {
    opener: Opener,
    waiting: VecDeque<(Segment, Range<u64>)>,
    current: Option<OpenSegment>,
}

/// A segment whose chunks are arriving.
struct OpenSegment {
    cipher: ChunkCipher,
    layout: Layout,
    stored: BoxStream<'static, Result<Bytes, BlobError>>,
    /// Stored bytes that have come and are not opened.
    arrived: BytesMut,
    /// Numbers of the chunks that are to be opened.
    chunks: Range<u64>,
    /// The plain bytes asked for.
    range: Range<u64>,
    /// What the whole must hash to; only known where the whole is read.
    digest: Option<(Sha256, [u8; 32])>,
}

impl Opener {
    /// The bytes of `range`, counted through all `segments`. The first request has been answered
    /// when this returns.
    pub async fn read(
        self,
        segments: &[Segment],
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let mut reader = Reader {
            opener: self,
            waiting: parts(segments, &range),
            current: None,
        };
        reader.advance().await?;
        let bytes = stream::try_unfold(reader, async |mut reader| {
            Ok(reader.next().await?.map(|bytes| (bytes, reader)))
        });
        Ok(bytes.boxed())
    }

    async fn open(&self, segment: &Segment, range: Range<u64>) -> Result<OpenSegment, BlobError> {
        let (tenant, blob) = (self.tenant.clone(), segment.blob);
        let key = Key::of_blob(&tenant, blob);
        let identity = Identity { tenant, blob };
        let data_key = self.keys.unwrap(&segment.wrapped, &identity)?;
        let cipher = ChunkCipher::new(&data_key, &identity)?;
        let layout = Layout {
            bytes: segment.bytes,
        };
        let chunks = layout.chunks(&range);
        let is_whole = range == (0..segment.bytes);
        let mut opened = OpenSegment {
            cipher,
            layout,
            stored: self.request(&key, layout, &chunks).await?,
            arrived: BytesMut::new(),
            chunks,
            range,
            digest: is_whole.then(|| (Sha256::new(), segment.sha256)),
        };
        if opened.chunks.start == 0 {
            check_header(&opened.take(HEADER).await?)?;
        }
        Ok(opened)
    }

    /// Asks for chunks of an object, which must have exactly the length of its layout.
    async fn request(
        &self,
        key: &Key,
        layout: Layout,
        chunks: &Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let asked = self.bucket.read_range(key, layout.stored_range(chunks));
        let (size, bytes) = match asked.await {
            Ok(Reading { size, bytes }) => (size, bytes),
            Err(error) if error.kind() == BlobErrorKind::NotFound => return Err(error),
            // An object that was cut before the range is refused like one that cannot be served.
            Err(error) => match self.bucket.size(key).await {
                Ok(size) if size != layout.stored_bytes() => return Err(wrong_length()),
                _ => return Err(error),
            },
        };
        if size == layout.stored_bytes() {
            Ok(bytes)
        } else {
            Err(wrong_length())
        }
    }
}

fn wrong_length() -> BlobError {
    BlobError::damaged("the object has not the length that was written")
}

/// What of each segment is to be read. Who reads the whole reads every segment, even an empty one,
/// so that nothing missing goes unnoticed.
fn parts(segments: &[Segment], range: &Range<u64>) -> VecDeque<(Segment, Range<u64>)> {
    let total = segments.iter().map(|segment| segment.bytes).sum();
    let is_whole = range.start == 0 && range.end >= total;
    let mut parts = VecDeque::new();
    let mut start = 0;
    for segment in segments {
        let end = start + segment.bytes;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if is_whole || from < to {
            parts.push_back((segment.clone(), from - start..to - start));
        }
        start = end;
    }
    parts
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, BlobError> {
        while let Some(current) = &mut self.current {
            match current.next().await? {
                Some(bytes) => return Ok(Some(bytes)),
                None => self.advance().await?,
            }
        }
        Ok(None)
    }

    /// Opens the next segment, if there is one.
    async fn advance(&mut self) -> Result<(), BlobError> {
        self.current = match self.waiting.pop_front() {
            Some((segment, range)) => Some(self.opener.open(&segment, range).await?),
            None => None,
        };
        Ok(())
    }
}

impl OpenSegment {
    /// The plain bytes of the next chunk that are within the range.
    async fn next(&mut self) -> Result<Option<Bytes>, BlobError> {
        while let Some(number) = self.chunks.next() {
            if number % CHUNKS_IN_A_ROW == CHUNKS_IN_A_ROW - 1 {
                yield_now().await;
            }
            let mut chunk = self.take(self.layout.sealed_length(number)).await?;
            let is_last = number == self.layout.last_chunk();
            self.cipher.open(number, is_last, &mut chunk)?;
            // Before the last bytes leave, so that a reader never has a whole that is wrong.
            self.check_digest(&chunk, is_last)?;
            let bytes = self.within_range(number, chunk.freeze());
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn check_digest(&mut self, chunk: &[u8], is_last: bool) -> Result<(), BlobError> {
        let Some((digest, expected)) = &mut self.digest else {
            return Ok(());
        };
        digest.update(chunk);
        if is_last && digest.finalize_reset()[..] != expected[..] {
            return Err(BlobError::damaged("the bytes have another SHA-256"));
        }
        Ok(())
    }

    fn within_range(&self, number: u64, chunk: Bytes) -> Bytes {
        let start = number * CHUNK as u64;
        // Both are within the chunk, which is 64 KiB at most.
        let place = |position: u64| {
            let offset = position.saturating_sub(start);
            offset.min(chunk.len() as u64) as usize
        };
        chunk.slice(place(self.range.start)..place(self.range.end))
    }

    /// The next `length` stored bytes.
    async fn take(&mut self, length: usize) -> Result<BytesMut, BlobError> {
        // Room for the whole chunk at once, not piece by piece.
        let missing = length.saturating_sub(self.arrived.len());
        self.arrived.reserve(missing);
        while self.arrived.len() < length {
            match self.stored.try_next().await? {
                Some(bytes) => self.arrived.extend_from_slice(&bytes),
                None => return Err(BlobError::damaged("the object ends too early")),
            }
        }
        Ok(self.arrived.split_to(length))
    }
}
