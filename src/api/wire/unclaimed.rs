//! A bound on what the reader of a form keeps to itself.
//!
//! multer collects a part's headers, and what stands before the first part, for as long as they do
//! not end. A form of half a gigabyte of headers must not become half a gigabyte of memory.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};

/// How much may be read without any of it being handed on, in bytes. More than one piece as the
/// network delivers it.
const MOST: usize = 1 << 20;

/// The form has more between two parts than [`MOST`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("more than {MOST} bytes were read of a form without finding a part")]
pub(super) struct Overfull;

/// How many bytes were read since some were last handed on. Clones share the number.
#[derive(Clone, Debug, Default)]
pub(super) struct Unclaimed(Arc<AtomicUsize>);

impl Unclaimed {
    /// Something was handed on.
    pub(super) fn claim(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// `bytes`, which fail with [`Overfull`] when nothing of them is claimed for long.
    pub(super) fn counting(
        &self,
        bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let count = self.0.clone();
        bytes.and_then(move |bytes| {
            let held = count.fetch_add(bytes.len(), Ordering::Relaxed);
            // One piece alone may be of any size; it is in memory already.
            let counted = if held > 0 && held + bytes.len() > MOST {
                Err(io::Error::other(Overfull))
            } else {
                Ok(bytes)
            };
            std::future::ready(counted)
        })
    }
}
