//! How a blob is sealed: a data key of its own under a master key, and chunks under the data key.
//!
//! An object begins with a header of [`HEADER`](layout::HEADER) bytes: the magic `GOSB`, the
//! version, the algorithm, the logarithm of the chunk size, a zero, and a copy of the wrapped data
//! key. Sealed chunks of 64 KiB follow, each with a tag of 16 bytes; the last may be shorter, and an
//! empty blob has one empty chunk. It is the STREAM construction (Hoang, Reyhanitabar, Rogaway and
//! Vizár, 2015) over AES-256-GCM: a nonce is the chunk's number and whether it is the last, so
//! that none can be left out, moved or cut off; and every chunk is bound to tenant and blob.
//!
//! A blob is read with the wrapped key of its row, so that a new master key changes rows alone. That
//! key is wrapped for the blob's length and SHA-256 too, which are known once it is written: under a
//! row that says others it does not open. So whoever reads a blob, or a range of it, has the bytes
//! that were hashed: the master key vouches for the hash and the data key, the data key for the
//! chunks. The copy in the header serves recovery without a database.

pub(super) mod key_file;
pub(super) mod keys;
pub(super) mod layout;
pub(super) mod open;
pub(super) mod seal;
pub(super) mod wrap;

use uuid::Uuid;

use crate::ids::Tenant;

/// What a sealed text belongs to. It is no part of the text, but without it the text cannot be
/// opened.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub tenant: Tenant,
    pub blob: Uuid,
}

/// What a blob turned out to be when it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    /// Plain bytes.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: [u8; 32],
}

impl Identity {
    /// The associated data of a text that serves `purpose`, which also tells one use from another.
    fn associated_data(&self, purpose: &[u8]) -> Vec<u8> {
        let tenant = self.tenant.gpt_id().as_str().as_bytes();
        // The blob's id has a fixed length, and the purpose none that begins like another's.
        [purpose, self.blob.as_bytes(), tenant].concat()
    }
}
