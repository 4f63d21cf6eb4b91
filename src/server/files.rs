//! Opening files: their bucket, and the master keys of what lies in it.

use crate::auth::PartLinks;
use crate::blob::{Bucket, MasterKeys, Vault};
use crate::config::FilesConfig;
use crate::error::Error;
use crate::service::Files;
use crate::store::Backend;

/// Files as `config` has them; closed, with a line in the log, where every replica would need the
/// same master key and none is set. `secret` signs links to parts.
///
/// # Errors
/// When the bucket's settings, or the file with the key, cannot be used.
pub fn open_files(config: &FilesConfig, backend: Backend, secret: &[u8]) -> Result<Files, Error> {
    let rules = config.rules.clone();
    let Some(keys) = master_keys(config, backend)? else {
        tracing::error!(
            "files are not served: set FILES_ENCRYPTION_KEY to the same `base64:…` on all replicas, \
             such as FILES_ENCRYPTION_KEY=base64:$(openssl rand -base64 32), and keep it safe"
        );
        return Ok(Files::closed(rules));
    };
    let bucket = Bucket::open(&config.url, &config.bucket)?;
    let vault = Vault::new(bucket, keys);
    Ok(Files::new(rules, vault, PartLinks::new(secret)?))
}

/// The keys that are set, or the embedded default's own, which is made on the first start.
fn master_keys(config: &FilesConfig, backend: Backend) -> Result<Option<MasterKeys>, Error> {
    if config.master_keys.is_some() || backend == Backend::Postgres {
        return Ok(config.master_keys.clone());
    }
    let path = &config.key_file;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::Unavailable(Box::new(error)))?;
    }
    if !path.exists() {
        let path = path.display().to_string();
        tracing::warn!(
            path,
            "a master key for files is made here: whoever loses it loses all files, so keep a copy \
             apart from the data, or set FILES_ENCRYPTION_KEY"
        );
    }
    Ok(Some(MasterKeys::from_file(path)?))
}
