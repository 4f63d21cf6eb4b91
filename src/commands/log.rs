//! The log: to standard error, for people on a terminal, as JSON lines otherwise.

use std::io::IsTerminal;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use super::Failure;
use crate::config::LogConfig;

/// Starts the log. What a command answers goes to standard output; the log never does.
///
/// A thread of its own writes the lines, so that no request waits for a slow reader of the log until
/// its queue is full; then requests wait, and no line is lost. Dropping the guard writes the rest.
pub(super) fn start(config: &LogConfig) -> Result<WorkerGuard, Failure> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|error| format!("LOG: {error}"))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .finish(std::io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    let is_terminal = std::io::stderr().is_terminal();
    if config.json.unwrap_or(!is_terminal) {
        builder.json().flatten_event(true).init();
    } else {
        builder.with_ansi(is_terminal).init();
    }
    Ok(guard)
}
