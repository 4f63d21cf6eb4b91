//! What the command line looks like.

mod calls;
mod jobs;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use uuid::Uuid;

use calls::moment;
pub use calls::{AuditCommand, CallFilter, Statuses};
pub use jobs::{ExportArguments, ImportArguments, JobCommand, JobFilter};

use crate::auth::Scopes;
use crate::clock::Timestamp;
use crate::ids::{CollectionName, GptId};
use crate::limits::RateLimits;

const AFTER_HELP: &str = "\
Environment (or a YAML file named by CONFIG; the environment wins; NAME_FILE names a file that has
the value of NAME, such as a secret):
  DATABASE_URL   sqlite://path or postgres://user:password@host/database
                 (default: sqlite://./data/gpt-object-store.db)
  DATA_DIR       where the embedded default keeps its files (default: ./data)
  LISTEN         address and port (default: 127.0.0.1:8000)
  ADMIN_LISTEN   address and port of the operator's API, apart from LISTEN (default: the same)
  PUBLIC_URL     what the outside calls this server (default: http://localhost:PORT)
  SECRET_KEY     signs cursors and links, the same on all replicas (default: made once, kept in the database)
  FILES_URL      where the bytes of files lie: file:///path, s3://bucket/prefix or
                 gs://bucket/prefix (default: DATA_DIR/files)
  FILES_ENCRYPTION_KEY
                 master keys of files, the same on all replicas: base64:… of 32 bytes, or
                 2:base64:…,1:base64:… (default: made once in DATA_DIR; needed with PostgreSQL)
  LOG            what to log: error, warn, info, debug, or a filter (default: info)
  LOG_FORMAT     text or json (default: text on a terminal, else json)
  RATE_LIMITS    requests of a key, its writing requests, and those of an address, in a time;
                 or off (default: key:60/m,write:10/m,ip:600/5m)
  REDIS_URL      where replicas share their rate limits (default: each has its own), and what
                 wakes workers at once
  WORKER         whether serve does jobs too: on (default) or off
  WORKER_CONCURRENCY, WORKER_POLL_MILLISECONDS, WORKER_LEASE_SECONDS, JOBS_DAYS
                 jobs at once, how often to look for more, how long a job waits for a worker that
                 died, and how long it is known when it ended (default: 2, 1000, 30, 30)
  TLS_CERTIFICATE, TLS_KEY
                 PEM files by which the server itself speaks HTTPS; read again when they change
  REQUIRE_HTTPS  on: what came in plain, to us or to a trusted proxy, is refused (default: off)
  TRUSTED_PROXIES, TRUSTED_PROXY_HEADER
                 addresses or networks of proxies, and where they name the client:
                 X-Forwarded-For (default) or Forwarded
  BACKUP_DIR, BACKUP_AT, BACKUP_DAYS
                 where the server backs SQLite up each day, when in UTC (default: 02:30), and how
                 many days backups are kept (default: 14)
  AUDIT_DAYS     how long the record of calls is kept (default: 90)
  OAUTH_ACCESS_TOKEN_SECONDS, OAUTH_REFRESH_TOKEN_DAYS, OAUTH_SESSION_DAYS
                 how long a token works, a session lasts unrenewed, and lasts at most
                 (default: 3600, 30, 180)
  OAUTH_ISSUER, OAUTH_ISSUER_JWKS, OAUTH_ISSUER_AUDIENCE, OAUTH_ISSUER_GPT_CLAIM,
  OAUTH_ISSUER_SCOPE_CLAIM
                 another issuer whose tokens are believed, where its keys are (https:// or a file),
                 and what its tokens say (CONFIG lists more as oauth: issuers:)
  MAX_REQUEST_BYTES, MAX_DOCUMENT_BYTES, MAX_DOCUMENT_DEPTH, REQUEST_SECONDS,
  DATABASE_MAX_CONNECTIONS, SHUTDOWN_GRACE_SECONDS
  FILES_MAX_SIZE_MB, FILES_MAX_PART_MB, FILES_MAX_UPLOAD_MB, FILES_DEFAULT_TTL, FILES_MAX_TTL,
  FILES_PURPOSES, FILES_MAX_BYTES_PER_GPT, FILES_MAX_FILES_PER_GPT, FILES_SWEEP_SECONDS,
  FILES_ORPHAN_SECONDS, AWS_…, GOOGLE_…

Examples:
  gpt-object-store                                   serve on http://localhost:8000
  gpt-object-store gpt create my-gpt                 a new tenant
  gpt-object-store key create my-gpt --expires-in 90d
  gpt-object-store key create my-gpt --scopes objects:read --json
  gpt-object-store key create my-gpt --rate-limits key:600/m,write:100/m
  gpt-object-store app create my-gpt --name Notes --redirect-uri https://example.com/callback
  gpt-object-store audit list --gpt my-gpt --since 24h
  gpt-object-store export --gpt my-gpt --output my-gpt.ndjson
  gpt-object-store import my-gpt.ndjson --gpt my-gpt";

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
pub enum KeyCommand {
    /// Make a key. It is printed once and cannot be shown again.
    Create(NewKey),
    /// List keys, without their secrets.
    List {
        /// Only this GPT's.
        gpt: Option<GptId>,
    },
    /// Show one key, without its secret.
    Show {
        /// The key's id, as `key list` shows it.
        id: String,
    },
    /// Change a key's name or its rate limits. What is left out stays.
    Update(KeyChanges),
    /// Revoke a key, now. Servers stop accepting it within 5 seconds.
    Revoke {
        /// The key's id, as `key list` shows it.
        id: String,
    },
    /// Make a new key with the rights of an old one, and end the old one.
    Rotate {
        /// The old key's id.
        id: String,
        /// How long the old key stays valid, such as 24h; else it ends now.
        #[arg(long, value_parser = humantime::parse_duration, default_value = "0s")]
        grace: Duration,
    },
}

#[derive(Args, Debug)]
pub struct NewKey {
    /// The GPT it belongs to.
    #[arg(required_unless_present = "operator", conflicts_with = "operator")]
    pub gpt: Option<GptId>,
    /// Make an operator's key: scope `admin`, no GPT.
    #[arg(long)]
    pub operator: bool,
    /// A name for people.
    #[arg(long, default_value = "")]
    pub name: String,
    /// What it may do, separated by commas: objects:read, objects:write, storage:read,
    /// storage:write, files:read, files:write; else all of them.
    #[arg(long, conflicts_with = "operator")]
    pub scopes: Option<Scopes>,
    /// How long it is valid, such as 90d; else until revoked.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub expires_in: Option<Duration>,
    /// Limits of its own in place of RATE_LIMITS, such as key:600/m,write:100/m; or off.
    #[arg(long, value_parser = rate_limits_of_a_key)]
    pub rate_limits: Option<RateLimits>,
}

#[derive(Args, Debug)]
pub struct KeyChanges {
    /// The key's id, as `key list` shows it.
    pub id: String,
    /// A name for people.
    #[arg(long)]
    pub name: Option<String>,
    /// Limits of its own in place of RATE_LIMITS, such as key:600/m,write:100/m; or off.
    #[arg(long, value_parser = rate_limits_of_a_key)]
    pub rate_limits: Option<RateLimits>,
    /// Go back to RATE_LIMITS.
    #[arg(long, conflicts_with = "rate_limits")]
    pub general_rate_limits: bool,
}

#[derive(Debug, Subcommand)]
pub enum AppCommand {
    /// Make an application. Its secret is printed once and cannot be shown again.
    Create(NewApp),
    /// List applications, without their secrets.
    List {
        /// Only this GPT's.
        gpt: Option<GptId>,
    },
    /// Change an application. What is not named stays.
    Update(AppUpdate),
    /// Make a new secret.
    RotateSecret {
        /// The application's client id.
        client_id: String,
        /// How long the old secret stays valid, such as 24h; else it ends now.
        #[arg(long, value_parser = humantime::parse_duration, default_value = "0s")]
        keep_old: Duration,
    },
    /// Revoke an application with all its sessions, now.
    Revoke {
        /// Its client id, as `app list` shows it.
        client_id: String,
    },
}

#[derive(Args, Debug)]
pub struct NewApp {
    /// The GPT for which it acts.
    pub gpt: GptId,
    /// A name for people, who see it when they are asked for consent.
    #[arg(long)]
    pub name: String,
    /// It can keep no secret: a page in a browser, or a program on a person's own machine.
    #[arg(long)]
    pub public: bool,
    /// The most that it may be granted, separated by commas, as for `key create`; else all of them.
    #[arg(long)]
    pub scopes: Option<Scopes>,
    /// The only collections that it may see, separated by commas; else all.
    #[arg(long, value_delimiter = ',')]
    pub collections: Option<Vec<CollectionName>>,
    /// Where answers may be sent, letter by letter; up to ten times.
    #[arg(long = "redirect-uri")]
    pub redirect_uris: Vec<String>,
    /// Limits of its own in place of RATE_LIMITS, such as key:600/m,write:100/m; or off.
    #[arg(long, value_parser = rate_limits_of_a_key)]
    pub rate_limits: Option<RateLimits>,
}

#[derive(Args, Debug)]
pub struct AppUpdate {
    /// The application's client id.
    pub client_id: String,
    /// Another name for people.
    #[arg(long)]
    pub name: Option<String>,
    /// The most that it may be granted, separated by commas.
    #[arg(long)]
    pub scopes: Option<Scopes>,
    /// The only collections that it may see, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub collections: Option<Vec<CollectionName>>,
    /// Let it see all collections.
    #[arg(long, conflicts_with = "collections")]
    pub all_collections: bool,
    /// Where answers may be sent, in place of all that it had.
    #[arg(long = "redirect-uri")]
    pub redirect_uris: Option<Vec<String>>,
    /// Limits of its own, such as key:600/m,write:100/m; or off.
    #[arg(long, value_parser = rate_limits_of_a_key)]
    pub rate_limits: Option<RateLimits>,
    /// Let the general limits hold for it.
    #[arg(long, conflicts_with = "rate_limits")]
    pub general_rate_limits: bool,
}

#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List sessions, the latest first.
    List(SessionFilter),
    /// End a session, now. Servers stop accepting its tokens within 5 seconds.
    End {
        /// Its id, as `session list` shows it.
        id: Uuid,
    },
}

#[derive(Args, Debug)]
pub struct SessionFilter {
    /// Only this GPT's.
    #[arg(long)]
    pub gpt: Option<GptId>,
    /// Only those of the application with this client id.
    #[arg(long)]
    pub app: Option<String>,
    /// Only those that have not ended.
    #[arg(long)]
    pub alive: bool,
    /// How many, at most.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

#[derive(Debug, Subcommand)]
pub enum OAuthCommand {
    /// Make a key that signs from now on. Tokens of the one before stay good to their end.
    RotateKey,
}

fn rate_limits_of_a_key(text: &str) -> Result<RateLimits, String> {
    let limits: RateLimits = text.parse().map_err(|error| format!("{error}"))?;
    Ok(limits.of_a_key()?)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Yaml,
    Json,
}
