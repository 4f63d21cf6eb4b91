//! Reading sealed blobs: the chunks that a range touches, block by block, each block made while the
//! one before it is on its way to the caller.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use uuid::Uuid;

use super::keys::MasterKeys;
use super::layout::{CHUNK, ChunkCipher, HEADER, Layout, check_header};
use super::wrap::WrappedKey;
use super::{Content, Identity};
use crate::blob::bucket::{Bucket, Reading};
use crate::blob::error::{BlobError, BlobErrorKind};
use crate::blob::key::Key;
use crate::ids::Tenant;

/// Chunks that are opened together on another thread, where they keep nobody else from the
/// processor: half a mebibyte, of which a reader holds three at most.
const CHUNKS_IN_A_BLOCK: u64 = 14;

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

impl Segment {
    /// What its key is wrapped for.
    pub(in crate::blob) fn content(&self) -> Content {
        Content {
            bytes: self.bytes,
            sha256: self.sha256,
        }
    }
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
    stored: Reading,
    /// Numbers of the chunks that are to be opened.
    chunks: Range<u64>,
    chunk_opener: ChunkOpener,
}

/// What opens the chunks of a segment.
struct ChunkOpener {
    cipher: ChunkCipher,
    layout: Layout,
    /// The plain bytes asked for.
    range: Range<u64>,
}

/// The plain bytes of a block, chunk by chunk.
type Block = Vec<Bytes>;

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
        let blocks = stream::try_unfold(tokio::spawn(reader.next()), async |coming| {
            let Some((block, reader)) = coming.await?? else {
                return Ok(None);
            };
            let bytes = stream::iter(block.into_iter().map(Ok));
            Ok::<_, BlobError>(Some((bytes, tokio::spawn(reader.next()))))
        });
        Ok(blocks.try_flatten().boxed())
    }

    async fn open(&self, segment: &Segment, range: Range<u64>) -> Result<OpenSegment, BlobError> {
        let (tenant, blob) = (self.tenant.clone(), segment.blob);
        let key = Key::of_blob(&tenant, blob);
        let identity = Identity { tenant, blob };
        // Only with the length and the SHA-256 that were written; the chunks cannot be others either.
        let data_key = self
            .keys
            .unwrap(&segment.wrapped, &identity, &segment.content())?;
        let cipher = ChunkCipher::new(&data_key, &identity)?;
        let layout = Layout {
            bytes: segment.bytes,
        };
        let chunks = layout.chunks(&range);
        let mut stored = self.request(&key, layout, &chunks).await?;
        if chunks.start == 0 {
            let checked = stored.take(HEADER, |header| check_header(&header));
            ((), stored) = checked.await?;
        }
        Ok(OpenSegment {
            stored,
            chunks,
            chunk_opener: ChunkOpener {
                cipher,
                layout,
                range,
            },
        })
    }

    /// Asks for chunks of an object, which must have exactly the length of its layout.
    async fn request(
        &self,
        key: &Key,
        layout: Layout,
        chunks: &Range<u64>,
    ) -> Result<Reading, BlobError> {
        let asked = self.bucket.read_range(key, layout.stored_range(chunks));
        let reading = match asked.await {
            Ok(reading) => reading,
            Err(error) if error.kind() == BlobErrorKind::NotFound => return Err(error),
            // An object that was cut before the range is refused like one that cannot be served.
            Err(error) => match self.bucket.size(key).await {
                Ok(size) if size != layout.stored_bytes() => return Err(wrong_length()),
                _ => return Err(error),
            },
        };
        if reading.size == layout.stored_bytes() {
            Ok(reading)
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
    /// The next block, and what reads on after it.
    async fn next(mut self) -> Result<Option<(Block, Self)>, BlobError> {
        while let Some(current) = self.current.take() {
            match current.next().await? {
                Some((block, rest)) => {
                    self.current = Some(rest);
                    return Ok(Some((block, self)));
                }
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
    /// The plain bytes of the next block that are within the range.
    async fn next(self) -> Result<Option<(Block, Self)>, BlobError> {
        let Range { start, end } = self.chunks;
        if start == end {
            return Ok(None);
        }
        let block_end = (start / CHUNKS_IN_A_BLOCK + 1) * CHUNKS_IN_A_BLOCK;
        let numbers = start..block_end.min(end);
        let chunks = numbers.end..end;
        let opener = self.chunk_opener;
        let length = opener.layout.sealed_length(&numbers);
        let opened = self.stored.take(length, move |sealed| {
            Ok((opener.open(numbers, sealed)?, opener))
        });
        let ((block, chunk_opener), stored) = opened.await?;
        let rest = Self {
            stored,
            chunks,
            chunk_opener,
        };
        Ok(Some((block, rest)))
    }
}

impl ChunkOpener {
    /// The plain bytes of the chunks `numbers`, which are `sealed`, as far as they are within the
    /// range.
    fn open(&self, numbers: Range<u64>, mut sealed: BytesMut) -> Result<Block, BlobError> {
        let mut block = Block::new();
        for number in numbers {
            let length = self.layout.sealed_length(&(number..number + 1));
            let mut chunk = sealed.split_to(length);
            let is_last = number == self.layout.last_chunk();
            self.cipher.open(number, is_last, &mut chunk)?;
            let bytes = self.within_range(number, chunk.freeze());
            if !bytes.is_empty() {
                block.push(bytes);
            }
        }
        Ok(block)
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
}
