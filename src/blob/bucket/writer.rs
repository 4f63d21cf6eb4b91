//! Writing an object as a stream, in parts where it is large.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutPayload};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::{Bucket, BucketKind};
use crate::blob::error::BlobError;
use crate::blob::key::Key;

/// The smallest part that S3 takes, in bytes; with its 10,000 parts an object has 48 GiB at most.
const CLOUD_PART: usize = 5 * 1024 * 1024;
/// One trip to another thread writes this much to a file.
const FILE_PART: usize = 1024 * 1024;
/// Parts on their way at once. With the one that fills, this bounds the memory of a writer: 15 MiB
/// to a cloud, 3 MiB to a disk.
const PARTS_UNDER_WAY: usize = 2;

/// An object that is being written. It is there when [`finish`](Self::finish) has returned, and not
/// a moment before; dropped earlier, it leaves nothing.
#[derive(Debug)]
pub struct BucketWriter {
    bucket: Bucket,
    path: Path,
    part_size: usize,
    pieces: Vec<Bytes>,
    buffered: usize,
    upload: Option<Upload>,
    /// True while bytes are between the caller and the bucket: if a write fails or is given up
    /// half-way, what it held is lost, and the object must not be made without it.
    is_interrupted: bool,
}

#[derive(Debug)]
struct Upload {
    upload: Box<dyn MultipartUpload>,
    parts: JoinSet<object_store::Result<()>>,
}

impl Bucket {
    /// Begins to write the object at `key`, over one that may be there.
    #[must_use]
    pub fn writer(&self, key: &Key) -> BucketWriter {
        BucketWriter {
            bucket: self.clone(),
            path: key.path().clone(),
            part_size: match self.kind {
                BucketKind::File => FILE_PART,
                BucketKind::S3 | BucketKind::Gcs => CLOUD_PART,
            },
            pieces: Vec::new(),
            buffered: 0,
            upload: None,
            is_interrupted: false,
        }
    }
}

impl BucketWriter {
    /// Adds `bytes` to the end. Waits while too many parts are on their way.
    ///
    /// # Errors
    /// What the bucket reports; nothing can be written or finished after that, nor after a write
    /// that was given up before its end.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        if std::mem::replace(&mut self.is_interrupted, true) {
            return Err(BlobError::interrupted());
        }
        while self.buffered + bytes.len() >= self.part_size {
            let rest = bytes.split_off(self.part_size - self.buffered);
            self.pieces.push(bytes);
            self.send().await?;
            bytes = rest;
        }
        if !bytes.is_empty() {
            self.buffered += bytes.len();
            self.pieces.push(bytes);
        }
        self.is_interrupted = false;
        Ok(())
    }

    /// Makes the object visible and durable: on a disk, file and folder are flushed.
    ///
    /// # Errors
    /// What the bucket reports; then no object was made, unless the answer to the last request was
    /// lost.
    pub async fn finish(mut self) -> Result<(), BlobError> {
        if self.is_interrupted {
            return Err(BlobError::interrupted());
        }
        if self.upload.is_none() {
            let payload = self.take_pieces();
            self.bucket.store.put(&self.path, payload).await?;
            return Ok(());
        }
        if self.buffered > 0 {
            self.send().await?;
        }
        if let Some(upload) = &mut self.upload {
            upload.wait_for_room(0).await?;
            upload.upload.complete().await?;
        }
        // Nothing is left to be aborted.
        self.upload = None;
        Ok(())
    }

    /// Sends what is buffered as a part.
    async fn send(&mut self) -> Result<(), BlobError> {
        let part = self.take_pieces();
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => {
                let options = PutMultipartOptions::default();
                let store = &self.bucket.store;
                let upload = store.put_multipart_opts(&self.path, options).await?;
                let parts = JoinSet::new();
                self.upload.insert(Upload { upload, parts })
            }
        };
        upload.wait_for_room(PARTS_UNDER_WAY - 1).await?;
        upload.parts.spawn(upload.upload.put_part(part));
        Ok(())
    }

    fn take_pieces(&mut self) -> PutPayload {
        self.buffered = 0;
        PutPayload::from_iter(std::mem::take(&mut self.pieces))
    }
}

impl Upload {
    /// Waits until at most `parts` parts are on their way.
    async fn wait_for_room(&mut self, parts: usize) -> Result<(), BlobError> {
        while self.parts.len() > parts {
            if let Some(sent) = self.parts.join_next().await {
                sent??;
            }
        }
        Ok(())
    }

    async fn abort(mut self) {
        self.parts.shutdown().await;
        // A bucket that is away keeps the parts until its own rule for unfinished uploads.
        let _ = self.upload.abort().await;
    }
}

impl Drop for BucketWriter {
    fn drop(&mut self) {
        let upload = self.upload.take();
        // Where the runtime is gone, the process is about to go as well.
        if let (Some(upload), Ok(runtime)) = (upload, Handle::try_current()) {
            runtime.spawn(upload.abort());
        }
    }
}
