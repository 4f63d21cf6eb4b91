//! What writers leave behind whose process was killed.

use std::fs;
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use tokio::task::spawn_blocking;

use super::Bucket;
use crate::blob::error::BlobError;
use crate::clock::Timestamp;

impl Bucket {
    /// Removes the drafts of objects that nobody has written to since `before`, and returns their
    /// number. Choose a moment that lies farther back than any pause of a writer that lives.
    ///
    /// A folder keeps drafts beside its objects, where no list shows them. S3 and Cloud Storage
    /// have a rule for unfinished multipart uploads, which the bucket's owner sets; here is nothing
    /// to do for them.
    ///
    /// # Errors
    /// What the file system reports.
    pub async fn remove_unfinished(&self, before: Timestamp) -> Result<usize, BlobError> {
        let Some(folder) = self.folder.clone() else {
            return Ok(0);
        };
        let removed = spawn_blocking(move || remove_drafts(&folder, before));
        Ok(removed.await??)
    }
}

fn remove_drafts(folder: &Path, before: Timestamp) -> io::Result<usize> {
    let mut removed = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().as_encoded_bytes().contains(&b'#') {
                // No key has this character, but the draft of an object has it before its number.
                removed += usize::from(remove_if_older(&entry, before)?);
            }
        }
    }
    Ok(removed)
}

/// Removes a draft, unless it was finished or removed in this moment.
fn remove_if_older(draft: &fs::DirEntry, before: Timestamp) -> io::Result<bool> {
    let remove = || {
        let modified = DateTime::<Utc>::from(draft.metadata()?.modified()?);
        let is_older = Timestamp::from(modified) < before;
        if is_older {
            fs::remove_file(draft.path())?;
        }
        Ok(is_older)
    };
    match remove() {
        Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => Ok(false),
        outcome => outcome,
    }
}
