//! Data keys, and how a master key wraps them.

use ring::aead::{Aad, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

use super::keys::{MasterKey, MasterKeys};
use super::layout::cipher;
use super::{Content, Identity};
use crate::blob::error::BlobError;

/// The key of one blob's chunks. It leaves the memory with its owner.
pub(super) type DataKey = Zeroizing<[u8; 32]>;

/// A data key that only a master key opens, and only for its tenant and blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    key_id: u32,
    sealed: [u8; Self::SEALED],
}

impl WrappedKey {
    /// Length of [`sealed`](Self::sealed), in bytes: a nonce of 12, the key of 32, a tag of 16.
    pub const SEALED: usize = NONCE_LEN + 32 + 16;

    /// What a row holds of a wrapped key.
    ///
    /// # Errors
    /// [`Damaged`](crate::blob::BlobErrorKind::Damaged) when `sealed` has another length.
    pub fn new(key_id: u32, sealed: &[u8]) -> Result<Self, BlobError> {
        Ok(Self {
            key_id,
            sealed: sealed.try_into().map_err(BlobError::damaged)?,
        })
    }

    /// The id of the master key that wraps it.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// Nonce, ciphertext and tag.
    #[must_use]
    pub fn sealed(&self) -> &[u8] {
        &self.sealed
    }
}

impl MasterKeys {
    /// A fresh data key.
    pub(super) fn make_data_key(&self) -> Result<DataKey, BlobError> {
        let mut key = DataKey::default();
        random(key.as_mut())?;
        Ok(key)
    }

    /// The same data key under the current master key.
    pub(in crate::blob) fn rewrap(
        &self,
        wrapped: &WrappedKey,
        identity: &Identity,
        content: &Content,
    ) -> Result<WrappedKey, BlobError> {
        let key = self.unwrap(wrapped, identity, content)?;
        self.wrap(&key, identity, Some(content))
    }

    /// The data key within `wrapped`, as a row has it.
    ///
    /// # Errors
    /// [`Settings`](crate::blob::BlobErrorKind::Settings) when its master key is not among these,
    /// and [`Damaged`](crate::blob::BlobErrorKind::Damaged) when it does not open.
    pub(super) fn unwrap(
        &self,
        wrapped: &WrappedKey,
        identity: &Identity,
        content: &Content,
    ) -> Result<DataKey, BlobError> {
        let id = wrapped.key_id;
        let master = self
            .find(id)
            .ok_or_else(|| BlobError::settings(format!("there is no master key {id}")))?;
        let (nonce, sealed) = wrapped.sealed.split_at(NONCE_LEN);
        let does_not_open = || BlobError::damaged("a wrapped key does not open");
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| does_not_open())?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let associated_data = associated_data(master, identity, Some(content));
        let opened = cipher(master.bytes())?
            .open_in_place(nonce, associated_data, &mut sealed)
            .map_err(|_| does_not_open())?;
        let key: &[u8; 32] = (&*opened).try_into().map_err(BlobError::damaged)?;
        Ok(Zeroizing::new(*key))
    }

    /// Wraps `key` with the current master key: for a row, or, while the content is not known, for
    /// a header. Nonces are random, which is safe for 2^32 wraps by one master key (NIST SP
    /// 800-38D, section 8.3).
    pub(super) fn wrap(
        &self,
        key: &DataKey,
        identity: &Identity,
        content: Option<&Content>,
    ) -> Result<WrappedKey, BlobError> {
        let master = self.current();
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce)?;
        let mut bytes = Zeroizing::new(**key);
        let tag = cipher(master.bytes())?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                associated_data(master, identity, content),
                bytes.as_mut(),
            )
            .map_err(|_| BlobError::damaged("a data key cannot be wrapped"))?;
        WrappedKey::new(master.id(), &[&nonce, &bytes[..], tag.as_ref()].concat())
    }
}

fn associated_data(
    master: &MasterKey,
    identity: &Identity,
    content: Option<&Content>,
) -> Aad<Vec<u8>> {
    let id = master.id().to_be_bytes();
    let purpose = match content {
        None => [b"GOSK\x01", &id[..]].concat(),
        Some(Content { bytes, sha256 }) => {
            [b"GOSK\x02", &id[..], &bytes.to_be_bytes(), sha256].concat()
        }
    };
    Aad::from(identity.associated_data(&purpose))
}

fn random(bytes: &mut [u8]) -> Result<(), BlobError> {
    getrandom::fill(bytes).map_err(|error| BlobError::from(std::io::Error::from(error)))
}
