//! The file that holds the master key where nobody set one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::keys::MasterKeys;
use crate::blob::error::BlobError;

impl MasterKeys {
    /// The keys in the file at `path`, which is made with a fresh key if it is not there: for this
    /// account alone, whole or not at all, and durable before it is used. Of processes that make it
    /// at once, one does, and the others read what it wrote.
    ///
    /// # Errors
    /// [`Settings`](crate::blob::BlobErrorKind::Settings) when the file holds no keys, and what the
    /// file system reports.
    pub fn from_file(path: &Path) -> Result<Self, BlobError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path)?;
                fs::read_to_string(path)?
            }
            read => read?,
        };
        Zeroizing::new(text).parse().map_err(BlobError::settings)
    }
}

/// Makes the file, unless another process has just made it.
fn make(path: &Path) -> io::Result<()> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(secret.as_mut())?;
    let text = Zeroizing::new(format!("base64:{}\n", BASE64_STANDARD.encode(*secret)));
    let draft = path.with_extension(format!("key.{:016x}", getrandom::u64()?));
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // A link, unlike a renaming, never replaces a key that is there.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // The folder's own entry is flushed even when another process made the file: its key is about
    // to be used here, too.
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::blob::BlobErrorKind;
    use crate::error::chain;

    #[test]
    fn the_file_is_made_once_and_for_this_account_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("files.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| MasterKeys::from_file(&path).unwrap()))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        let again = MasterKeys::from_file(&path).unwrap();
        let bytes = |keys: &MasterKeys| *keys.current().bytes();
        assert!(keys.iter().all(|keys| bytes(keys) == bytes(&again)));
        assert_ne!(bytes(&again), [0; 32]);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_without_a_key_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("files.key");
        fs::write(&path, "base64:c2VjcmV0").unwrap();
        let error = MasterKeys::from_file(&path).unwrap_err();
        assert_eq!(error.kind(), BlobErrorKind::Settings);
        assert!(!chain(&error).contains("c2VjcmV0"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "base64:c2VjcmV0");
    }
}
