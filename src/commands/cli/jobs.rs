//! `job …`, `import` and `export`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use uuid::Uuid;

use crate::ids::{CollectionName, GptId};
use crate::service::JobState;

#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// List jobs, the latest first; those that failed are dead letters.
    List(JobFilter),
    /// Show one job.
    Show {
        /// Its id.
        id: Uuid,
    },
    /// Queue a dead letter again.
    Retry {
        /// Its id.
        id: Uuid,
    },
}

#[derive(Args, Debug)]
pub struct JobFilter {
    /// Only this GPT's.
    #[arg(long)]
    pub gpt: Option<GptId>,
    /// Only those of this kind, such as import.
    #[arg(long)]
    pub kind: Option<String>,
    /// Only those in this state: queued, running, succeeded or failed.
    #[arg(long, value_parser = state)]
    pub state: Option<JobState>,
    /// How many, at most.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

#[derive(Args, Debug)]
pub struct ImportArguments {
    /// The file, one JSON object a line: {"collection", "body"} or {"collection", "schema"}; - for
    /// standard input.
    pub file: PathBuf,
    /// The GPT to import into.
    #[arg(long)]
    pub gpt: GptId,
    /// The collection of lines that name none.
    #[arg(long)]
    pub collection: Option<CollectionName>,
}

#[derive(Args, Debug)]
pub struct ExportArguments {
    /// The GPT to export.
    #[arg(long)]
    pub gpt: GptId,
    /// The only collection to export; else all.
    #[arg(long)]
    pub collection: Option<CollectionName>,
    /// Where to write; else standard output.
    #[arg(long)]
    pub output: Option<PathBuf>,
}

fn state(text: &str) -> Result<JobState, &'static str> {
    let mut known = JobState::ALL.into_iter();
    known
        .find(|state| state.as_str() == text)
        .ok_or("must be queued, running, succeeded or failed")
}
