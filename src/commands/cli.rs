//! What the command line looks like.

mod apps;
mod calls;
mod help;
mod jobs;
mod keys;
mod webhooks;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub use apps::{AppCommand, AppUpdate, NewApp, SessionCommand, SessionFilter};
use calls::moment;
pub use calls::{AuditCommand, CallFilter, Statuses};
use help::AFTER_HELP;
pub use jobs::{ExportArguments, ImportArguments, JobCommand, JobFilter};
pub use keys::{KeyCommand, NewKey};
pub use webhooks::{EventFilter, WebhookCommand};

use crate::clock::Timestamp;
use crate::ids::GptId;

/// Durable memory for Custom GPTs: JSON documents in collections, over HTTPS.
///
/// Without a command it serves. On an empty embedded database it first makes the GPT `my-gpt` and a
/// key, and prints lines to paste.
#[derive(Debug, Parser)]
#[command(name = "gpt-object-store", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// Print one JSON object (or one a line, for lists) instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer requests (the default). Stops on SIGTERM or Ctrl-C after finishing what is in flight.
    Serve,
    /// Do the jobs that `serve` hands in, and nothing else; any number of workers may. Stops like
    /// `serve`, and hands back what it could not finish.
    Worker,
    /// Bring the database's schema up to date, and do nothing else. `serve` does this by itself.
    Migrate,
    /// GPTs: the tenants that own the data.
    #[command(subcommand)]
    Gpt(GptCommand),
    /// API keys: each belongs to one GPT.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Files: their bytes lie encrypted in a folder or a bucket.
    #[command(subcommand)]
    Files(FilesCommand),
    /// Applications: programs that get tokens by OAuth, each for one GPT.
    #[command(subcommand)]
    App(AppCommand),
    /// Sessions: what applications were once allowed.
    #[command(subcommand)]
    Session(SessionCommand),
    /// The keys that sign access tokens.
    #[command(subcommand)]
    Oauth(OAuthCommand),
    /// The record of calls: who did what, when, and how it went.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Take objects and collections from a file of lines, which `export` writes.
    Import(ImportArguments),
    /// Write a collection, or all of a GPT, to a file of lines, which `import` takes.
    Export(ExportArguments),
    /// Jobs: what is done outside of requests, and what could not be done.
    #[command(subcommand)]
    Job(JobCommand),
    /// Webhooks: where the changes of a GPT's objects are forwarded to.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Print the OpenAPI 3.1 document, as the server serves it.
    Openapi {
        /// The document of the operator's API instead.
        #[arg(long)]
        operator: bool,
        /// How to write it.
        #[arg(long, value_enum, default_value_t = Format::Yaml)]
        format: Format,
        /// The server's address in the document; else PUBLIC_URL.
        #[arg(long)]
        public_url: Option<String>,
    },
    /// Write the SQLite database as it is now to a file, while servers go on.
    Backup {
        /// The file; else backup-DATE-TIME.db in BACKUP_DIR, or in DATA_DIR/backups.
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Make a backup the SQLite database. No server may run.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Replace the database that is there.
        #[arg(long)]
        overwrite: bool,
    },
    /// Ask a running server whether it is well; exits with 1 when it is not.
    Health {
        /// Where it is; else the LISTEN address.
        #[arg(long)]
        url: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum GptCommand {
    /// Make a GPT.
    Create {
        /// Its id, used in paths: letters, digits, dots, underscores, hyphens.
        id: GptId,
        /// A name for people; else the id.
        #[arg(long)]
        name: Option<String>,
    },
    /// List the GPTs.
    List,
    /// Show one GPT.
    Show {
        /// Its id.
        id: GptId,
    },
    /// Give a GPT another name. Its id stays.
    Update {
        /// Its id.
        id: GptId,
        /// The name, for people.
        #[arg(long)]
        name: String,
    },
    /// Count what a GPT has stored, and its calls in a period.
    Usage {
        /// Its id.
        id: GptId,
        /// Calls since then: a time such as 2026-11-21T08:00:00Z, or how long ago, such as 24h;
        /// else those of 30 days.
        #[arg(long, value_parser = moment)]
        since: Option<Timestamp>,
        /// Calls before then, in the same forms; else until now.
        #[arg(long, value_parser = moment)]
        until: Option<Timestamp>,
    },
    /// Delete a GPT with all its keys, collections and objects, for good.
    Delete {
        /// Its id.
        id: GptId,
        /// Do it. Without this nothing is deleted.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum FilesCommand {
    /// Wrap every file's key by the first of FILES_ENCRYPTION_KEY (`2:base64:…,1:base64:…`), while
    /// servers that know both go on serving. After that the older keys can go.
    RotateKey,
}

#[derive(Debug, Subcommand)]
pub enum OAuthCommand {
    /// Make a key that signs from now on. Tokens of the one before stay good to their end.
    RotateKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Yaml,
    Json,
}
