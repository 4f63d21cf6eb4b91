//! `backup` and `restore`: the embedded database as a file, and back.

use std::path::{Path, PathBuf};

use super::Failure;
use super::output::print_json;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::server::Backups;
use crate::store;

/// Writes a backup to `output`, or into the folder of backups.
pub(super) async fn back_up(
    config: Config,
    output: Option<PathBuf>,
    json: bool,
) -> Result<(), Failure> {
    let url = config.database.url.as_str();
    let path = match output {
        Some(path) => {
            store::back_up(url, &path).await?;
            path
        }
        None => {
            Backups::new(url, config.backup)
                .make(Timestamp::now())
                .await?
        }
    };
    let bytes = std::fs::metadata(&path)?.len();
    if json {
        return print_json(&serde_json::json!({ "path": path, "bytes": bytes }));
    }
    println!(
        "Backed up the database to {} ({bytes} bytes).",
        path.display()
    );
    eprintln!(
        "The bytes of files, and the key that opens them, are not in it: keep copies of both."
    );
    Ok(())
}

/// Makes the backup `file` the database.
pub(super) async fn restore(
    config: &Config,
    file: &Path,
    overwrite: bool,
    json: bool,
) -> Result<(), Failure> {
    let restored = store::restore(&config.database.url, file, overwrite).await;
    restored.map_err(|error| match error {
        store::BackupError::Exists(path) => format!(
            "there is already a database {}: --overwrite replaces all that is in it",
            path.display()
        )
        .into(),
        error => Failure::from(error),
    })?;
    if json {
        return print_json(&serde_json::json!({ "restored": file }));
    }
    println!("Restored the database from {}.", file.display());
    Ok(())
}
