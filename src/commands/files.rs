//! `files …`: what an operator does to the bytes of files.

use serde_json::json;

use super::Failure;
use super::cli::FilesCommand;
use super::output::print_json;
use crate::service::Service;

/// `files …`.
pub(super) async fn files(
    service: &Service,
    command: FilesCommand,
    json: bool,
) -> Result<(), Failure> {
    match command {
        FilesCommand::RotateKey => rotate_key(service, json).await,
    }
}

async fn rotate_key(service: &Service, json: bool) -> Result<(), Failure> {
    let report = service.rewrap_files().await?;
    let (key_id, rewrapped, failed) = (report.key_id, report.rewrapped, report.failed);
    if failed > 0 {
        return Err(format!(
            "{rewrapped} keys are wrapped by master key {key_id} now, but {failed} could not be \
             unwrapped: the log says which, and FILES_ENCRYPTION_KEY must have their master keys"
        )
        .into());
    }
    if json {
        return print_json(&json!({ "key_id": key_id, "rewrapped": rewrapped }));
    }
    println!(
        "Wrapped {rewrapped} keys by master key {key_id}. Older master keys are not needed any more."
    );
    Ok(())
}
