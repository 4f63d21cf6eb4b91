//! Sealing a blob while it is written.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::task::yield_now;

use super::keys::MasterKeys;
use super::layout::{CHUNK, ChunkCipher, Layout, SEALED_CHUNK, header};
use super::wrap::{DataKey, WrappedKey};
use super::{Content, Identity};
use crate::blob::bucket::BucketWriter;
use crate::blob::error::BlobError;

/// After so many chunks (a mebibyte, half a millisecond) others have their turn.
const CHUNKS_IN_A_ROW: u64 = 16;

/// A blob that is being sealed. It is there when [`finish`](Self::finish) has returned; dropped
/// earlier, it leaves nothing.
///
/// It holds a chunk, and what the bucket's writer holds: at most 16 MiB on the way to a cloud and
/// 4 MiB on the way to a disk, whatever the length of the blob.
pub struct SealingWriter {
    writer: BucketWriter,
    cipher: ChunkCipher,
    keys: MasterKeys,
    data_key: DataKey,
    identity: Identity,
    chunk: BytesMut,
    chunks_sent: u64,
    digest: Sha256,
    bytes: u64,
    /// True while a write is under way, as in the bucket's writer.
    is_interrupted: bool,
}

/// What is known of a blob when it is written, and what its row keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Length in bytes, as the caller knows it.
    pub bytes: u64,
    /// Length in bytes, as the bucket holds it.
    pub stored_bytes: u64,
    /// SHA-256 of the plain bytes.
    pub sha256: [u8; 32],
    /// The blob's own key.
    pub wrapped: WrappedKey,
}

impl SealingWriter {
    pub(in crate::blob) async fn begin(
        mut writer: BucketWriter,
        keys: MasterKeys,
        identity: Identity,
    ) -> Result<Self, BlobError> {
        let data_key = keys.make_data_key()?;
        let wrapped = keys.wrap(&data_key, &identity, None)?;
        writer.write(header(&wrapped).into()).await?;
        Ok(Self {
            writer,
            cipher: ChunkCipher::new(&data_key, &identity)?,
            keys,
            data_key,
            identity,
            chunk: BytesMut::with_capacity(SEALED_CHUNK),
            chunks_sent: 0,
            digest: Sha256::new(),
            bytes: 0,
            is_interrupted: false,
        })
    }

    /// Adds `bytes`, of any length, to the end. Waits while the bucket is slower than the caller.
    ///
    /// # Errors
    /// What the bucket reports; nothing can be written or finished after that, nor after a write
    /// that was given up before its end.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        if std::mem::replace(&mut self.is_interrupted, true) {
            return Err(BlobError::interrupted());
        }
        while !bytes.is_empty() {
            // A full chunk waits for the next byte, since it may be the last.
            if self.chunk.len() == CHUNK {
                self.send_chunk(false).await?;
            }
            let room = CHUNK - self.chunk.len();
            let piece = bytes.split_to(room.min(bytes.len()));
            self.digest.update(&piece);
            self.bytes += piece.len() as u64;
            self.chunk.extend_from_slice(&piece);
        }
        self.is_interrupted = false;
        Ok(())
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the blob readable and durable.
    ///
    /// # Errors
    /// What the bucket reports; then no blob was made, unless the answer to the last request was
    /// lost.
    pub async fn finish(mut self) -> Result<Sealed, BlobError> {
        if self.is_interrupted {
            return Err(BlobError::interrupted());
        }
        self.send_chunk(true).await?;
        self.writer.finish().await?;
        let bytes = self.bytes;
        let sha256 = self.digest.finalize().into();
        let content = Content { bytes, sha256 };
        let wrapped = self
            .keys
            .wrap(&self.data_key, &self.identity, Some(&content));
        Ok(Sealed {
            bytes,
            stored_bytes: Layout { bytes }.stored_bytes(),
            sha256,
            wrapped: wrapped?,
        })
    }

    async fn send_chunk(&mut self, is_last: bool) -> Result<(), BlobError> {
        let next = BytesMut::with_capacity(SEALED_CHUNK);
        let mut chunk = std::mem::replace(&mut self.chunk, next);
        self.cipher.seal(self.chunks_sent, is_last, &mut chunk)?;
        self.chunks_sent += 1;
        if self.chunks_sent.is_multiple_of(CHUNKS_IN_A_ROW) {
            yield_now().await;
        }
        self.writer.write(chunk.freeze()).await
    }
}
