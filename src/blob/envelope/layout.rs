//! Where what lies in a sealed object, and the cipher of its chunks.

use std::ops::Range;

use bytes::BytesMut;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::Identity;
use super::wrap::{DataKey, WrappedKey};
use crate::blob::error::BlobError;

/// Plain bytes of every chunk but the last.
pub(in crate::blob) const CHUNK: usize = 1 << CHUNK_LOG2;
const CHUNK_LOG2: u8 = 16;
/// What the tag adds to every chunk, in bytes.
const TAG: usize = 16;
/// Stored bytes of every chunk but the last.
pub(in crate::blob) const SEALED_CHUNK: usize = CHUNK + TAG;
/// Magic, version 1, algorithm 1 (AES-256-GCM), chunk size, and a byte for later.
const FORMAT: [u8; 8] = [b'G', b'O', b'S', b'B', 1, 1, CHUNK_LOG2, 0];
/// Length of the header, in bytes.
pub(in crate::blob) const HEADER: usize = FORMAT.len() + 4 + WrappedKey::SEALED;

/// The length of a blob, and what follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Plain bytes.
    pub bytes: u64,
}

/// What seals and opens the chunks of one blob.
pub(super) struct ChunkCipher {
    key: LessSafeKey,
    associated_data: Vec<u8>,
}

/// The bytes that an object begins with.
pub(super) fn header(wrapped: &WrappedKey) -> Vec<u8> {
    [
        &FORMAT,
        &wrapped.key_id().to_be_bytes()[..],
        wrapped.sealed(),
    ]
    .concat()
}

/// Refuses an object that was written in another format.
pub(super) fn check_header(header: &[u8]) -> Result<(), BlobError> {
    match header.starts_with(&FORMAT) {
        true => Ok(()),
        false => Err(BlobError::damaged("the header is not one of this format")),
    }
}

impl Layout {
    /// The number of the last chunk, from 0.
    pub fn last_chunk(self) -> u64 {
        self.bytes.saturating_sub(1) / CHUNK as u64
    }

    /// The length of the whole object.
    pub fn stored_bytes(self) -> u64 {
        HEADER as u64 + self.bytes + (self.last_chunk() + 1) * TAG as u64
    }

    /// The numbers of the chunks that hold `range` of the plain bytes; one at least.
    pub fn chunks(self, range: &Range<u64>) -> Range<u64> {
        let last = Self { bytes: range.end }.last_chunk();
        let first = (range.start / CHUNK as u64).min(last);
        first..last + 1
    }

    /// Where `chunks` lie in the object; with the header, when the first is among them.
    pub fn stored_range(self, chunks: &Range<u64>) -> Range<u64> {
        let start = match chunks.start {
            0 => 0,
            first => chunk_start(first),
        };
        start..chunk_start(chunks.end).min(self.stored_bytes())
    }

    /// The stored length of `chunks`, which are a few and one at least.
    pub fn sealed_length(self, chunks: &Range<u64>) -> usize {
        let end = chunk_start(chunks.end).min(self.stored_bytes());
        // A chunk is 64 KiB at most.
        (end - chunk_start(chunks.start)) as usize
    }
}

fn chunk_start(number: u64) -> u64 {
    HEADER as u64 + number * SEALED_CHUNK as u64
}

impl ChunkCipher {
    pub fn new(key: &DataKey, identity: &Identity) -> Result<Self, BlobError> {
        Ok(Self {
            key: cipher(key)?,
            associated_data: identity.associated_data(&FORMAT),
        })
    }

    /// Turns a plain chunk into a sealed one, in its place.
    pub fn seal(&self, number: u64, is_last: bool, chunk: &mut BytesMut) -> Result<(), BlobError> {
        let nonce = nonce(number, is_last)?;
        let associated_data = Aad::from(&self.associated_data);
        self.key
            .seal_in_place_append_tag(nonce, associated_data, chunk)
            .map_err(|_| BlobError::damaged("a chunk cannot be sealed"))
    }

    /// Turns a sealed chunk into a plain one, in its place.
    pub fn open(&self, number: u64, is_last: bool, chunk: &mut BytesMut) -> Result<(), BlobError> {
        let nonce = nonce(number, is_last)?;
        let associated_data = Aad::from(&self.associated_data);
        let opened = self.key.open_in_place(nonce, associated_data, chunk);
        let length = opened
            .map_err(|_| BlobError::damaged("a chunk does not open"))?
            .len();
        chunk.truncate(length);
        Ok(())
    }
}

/// AES-256-GCM with a key.
pub(super) fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, BlobError> {
    let key = UnboundKey::new(&AES_256_GCM, key);
    key.map(LessSafeKey::new)
        .map_err(|_| BlobError::settings("the key has a wrong length"))
}

/// Seven zeros, the chunk's number, and whether it is the last. The key is the blob's own, so no
/// nonce comes twice.
fn nonce(number: u64, is_last: bool) -> Result<Nonce, BlobError> {
    let number = u32::try_from(number).map_err(BlobError::damaged)?;
    let mut nonce = [0; 12];
    nonce[7..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(is_last);
    Ok(Nonce::assume_unique_for_key(nonce))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::Tenant;

    #[test]
    fn a_chunk_opens_only_at_its_place() {
        let identity = Identity {
            tenant: Tenant::vouched("alice".parse().unwrap()),
            blob: Uuid::nil(),
        };
        let cipher = ChunkCipher::new(&DataKey::default(), &identity).unwrap();
        let mut sealed = BytesMut::from("bytes");
        cipher.seal(1, false, &mut sealed).unwrap();
        for (number, is_last, opens) in [(1, false, true), (1, true, false), (0, false, false)] {
            let opened = cipher.open(number, is_last, &mut sealed.clone());
            assert_eq!(opened.is_ok(), opens, "{number}, {is_last}");
        }
    }

    #[test]
    fn lengths_and_places_follow_from_the_length_of_the_blob() {
        const KIB_64: u64 = 65_536;
        for (bytes, last_chunk, stored_bytes) in [
            (0, 0, 72 + 16),
            (1, 0, 72 + 17),
            (KIB_64, 0, 72 + KIB_64 + 16),
            (KIB_64 + 1, 1, 72 + KIB_64 + 16 + 17),
            (3 * KIB_64, 2, 72 + 3 * (KIB_64 + 16)),
        ] {
            let layout = Layout { bytes };
            assert_eq!(layout.last_chunk(), last_chunk, "{bytes}");
            assert_eq!(layout.stored_bytes(), stored_bytes, "{bytes}");
        }
        let layout = Layout {
            bytes: 2 * KIB_64 + 5,
        };
        assert_eq!(layout.chunks(&(0..1)), 0..1);
        assert_eq!(layout.chunks(&(KIB_64 - 1..KIB_64 + 1)), 0..2);
        assert_eq!(layout.chunks(&(KIB_64..2 * KIB_64)), 1..2);
        assert_eq!(layout.stored_range(&(0..1)), 0..72 + KIB_64 + 16);
        let second = 72 + KIB_64 + 16;
        assert_eq!(layout.stored_range(&(1..3)), second..layout.stored_bytes());
        assert_eq!(layout.sealed_length(&(2..3)), 21);
        assert_eq!(layout.sealed_length(&(1..3)), 65_536 + 16 + 21);
    }
}
