//! Configuration: one struct per subsystem, read once, checked whole, every fault reported at once.

mod audit;
mod backup;
mod files;
mod http;
mod oauth;
mod source;
mod storage;
mod traces;
mod webhooks;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

pub use audit::AuditConfig;
pub use backup::BackupConfig;
pub use files::{FileRules, FilesConfig, UPLOAD_TIME};
pub use http::{HttpConfig, TlsFiles};
pub use oauth::{IssuerConfig, JwksPlace, OAuthConfig};
pub use source::Source;
pub use storage::StorageConfig;
pub use traces::TracesConfig;
pub use webhooks::WebhookConfig;
pub use worker::WorkerConfig;

use crate::document;
use crate::ids::GptId;
use crate::limits::RateLimits;

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database.
    pub database: DatabaseConfig,
    /// The HTTP server.
    pub http: HttpConfig,
    /// What requests may ask for.
    pub limits: Limits,
    /// Where namespaces of keys and values are kept, and who may read them.
    pub storage: StorageConfig,
    /// The record of calls.
    pub audit: AuditConfig,
    /// Where traces go.
    pub traces: TracesConfig,
    /// Backups of SQLite.
    pub backup: BackupConfig,
    /// Tokens: how long ours last, and whose else are believed.
    pub oauth: OAuthConfig,
    /// The Redis in which replicas share their rate limits, and that wakes workers; `None`: each has
    /// its own limits.
    pub redis_url: Option<String>,
    /// The worker: whether `serve` is one, and how it works.
    pub worker: WorkerConfig,
    /// Where changes may be forwarded to, and how.
    pub webhooks: WebhookConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Files: where their bytes lie, and what they may be.
    pub files: FilesConfig,
    /// Signs cursors and links; the same on all replicas. `None`: made on first start, kept in the database.
    pub secret_key: Option<String>,
    /// The GPT that every caller is, unchecked, unlimited and unrecorded: what the checks cost is
    /// measured against that. Only a build with the feature `unguarded` can be told so.
    pub unguarded: Option<GptId>,
}

/// Which database, and how it is used.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `sqlite://path` or `postgres://…`.
    pub url: String,
    /// The most connections to PostgreSQL at once.
    pub max_connections: u32,
    /// Whether the URL is our default, which `cargo run` fills with a first GPT and key.
    pub is_embedded_default: bool,
}

/// Limits of requests; `GET /v1/limits` states them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub request_bytes: usize,
    /// The largest document, in bytes of canonical text.
    pub document_bytes: usize,
    /// How deep a document may nest.
    pub document_depth: usize,
    /// The largest namespace, in bytes of its snapshot.
    pub namespace_bytes: usize,
    /// How long a request may take.
    pub request_time: Duration,
    /// Requests in a time, for keys that have no limits of their own.
    pub rate_limits: RateLimits,
}

/// How the log is written.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// A filter in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// JSON lines rather than text for a person; `None`: JSON unless standard error is a terminal.
    pub json: Option<bool>,
}

/// What is logged by default: requests and events, without the steps of each migration.
const DEFAULT_LOG: &str = "info,sea_orm_migration=warn";

/// How long the answer to an idempotency key is kept.
pub const IDEMPOTENCY_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Every fault of a configuration, one a line.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the configuration has faults:\n  {}", .0.join("\n  "))]
pub struct Faults(Vec<String>);

impl Config {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// [`Faults`]: all that is wrong with it.
    pub fn read(mut source: Source) -> Result<Self, Faults> {
        let config = Self::gather(&mut source);
        match source.into_faults() {
            faults if faults.is_empty() => Ok(config),
            faults => Err(Faults(faults)),
        }
    }

    /// The names of all settings, but for those that buckets have: they begin with `AWS_` or
    /// `GOOGLE_`.
    #[must_use]
    pub fn names() -> BTreeSet<String> {
        let mut source = Source::new(BTreeMap::new());
        Self::gather(&mut source);
        source.into_names()
    }

    fn gather(source: &mut Source) -> Self {
        let config = Self {
            database: DatabaseConfig::read(source),
            http: HttpConfig::read(source),
            limits: Limits::read(source),
            storage: StorageConfig::read(source),
            audit: AuditConfig::read(source),
            traces: TracesConfig::read(source),
            worker: WorkerConfig::read(source),
            webhooks: WebhookConfig::read(source),
            backup: BackupConfig::read(source),
            oauth: OAuthConfig::read(source),
            redis_url: source.find("REDIS_URL"),
            log: LogConfig {
                filter: source.get("LOG", DEFAULT_LOG.to_owned()),
                json: source
                    .find::<LogFormat>("LOG_FORMAT")
                    .map(|format| format == LogFormat::Json),
            },
            files: FilesConfig::read(source),
            secret_key: source.find("SECRET_KEY"),
            unguarded: match cfg!(feature = "unguarded") {
                true => source.find("BENCH_UNGUARDED"),
                false => None,
            },
        };
        if config.secret_key.as_ref().is_some_and(|key| key.len() < 32) {
            source.fault("SECRET_KEY", "must have at least 32 characters");
        }
        let is_redis = |url: &String| url.starts_with("redis://") || url.starts_with("unix://");
        if config.redis_url.as_ref().is_some_and(|url| !is_redis(url)) {
            source.fault("REDIS_URL", "must begin with redis:// or unix://");
        }
        config
    }
}

impl DatabaseConfig {
    fn read(source: &mut Source) -> Self {
        let url: Option<String> = source.find("DATABASE_URL");
        let data_dir: PathBuf = source.get("DATA_DIR", "./data".into());
        let max_connections = source.get("DATABASE_MAX_CONNECTIONS", 16);
        if max_connections < 4 {
            source.fault("DATABASE_MAX_CONNECTIONS", "must be at least 4");
        }
        let is_embedded_default = url.is_none();
        let url = url.unwrap_or_else(|| {
            format!(
                "sqlite://{}",
                data_dir.join("gpt-object-store.db").display()
            )
        });
        let known = ["sqlite://", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            source.fault(
                "DATABASE_URL",
                "must begin with sqlite://, postgres:// or postgresql://",
            );
        }
        Self {
            url,
            max_connections,
            is_embedded_default,
        }
    }
}

impl Limits {
    fn read(source: &mut Source) -> Self {
        let limits = Self {
            request_bytes: source.get("MAX_REQUEST_BYTES", 4 << 20),
            document_bytes: source.get("MAX_DOCUMENT_BYTES", 1 << 20),
            document_depth: source.get("MAX_DOCUMENT_DEPTH", 64),
            namespace_bytes: source.get("MAX_NAMESPACE_BYTES", 4 << 20),
            request_time: Duration::from_secs(source.get("REQUEST_SECONDS", 30)),
            rate_limits: source.get("RATE_LIMITS", RateLimits::of_a_public_service()),
        };
        if !(1..=64).contains(&limits.document_depth) {
            source.fault("MAX_DOCUMENT_DEPTH", "must be from 1 to 64");
        }
        if limits.document_bytes > limits.request_bytes {
            source.fault("MAX_DOCUMENT_BYTES", "must not be over MAX_REQUEST_BYTES");
        }
        if limits.request_time.is_zero() {
            source.fault("REQUEST_SECONDS", "must be at least 1");
        }
        limits
    }

    /// The limits of one document.
    #[must_use]
    pub fn document(&self) -> document::Limits {
        document::Limits {
            max_bytes: self.document_bytes,
            max_depth: self.document_depth,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    Json,
    Text,
}

impl std::str::FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("must be json or text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Config, Faults> {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(Source::new(settings.collect()))
    }

    #[test]
    fn needs_nothing() {
        let config = read(&[]).unwrap();
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(config.http.public_url, "http://localhost:8000");
        assert_eq!(config.database.url, "sqlite://./data/gpt-object-store.db");
        assert!(config.database.is_embedded_default);
        let rates = config.limits.rate_limits.to_string();
        assert_eq!(rates, "key:60/m,write:10/m,ip:600/5m");
    }

    #[test]
    fn reports_every_fault_at_once() {
        let faults = read(&[
            ("DATABASE_URL", "mysql://x"),
            ("LISTEN", "nowhere"),
            ("PUBLIC_URL", "ftp://x"),
            ("MAX_DOCUMENT_DEPTH", "65"),
            ("SECRET_KEY", "short"),
            ("CONFIG", "/does/not/exist.yaml"),
            ("CORS_ORIGINS", "https://a.example, https://a.example/path"),
            ("ENVIRONMENT", "staging"),
            ("STORAGE_URL", "file:///x"),
            ("STORAGE_ANONYMOUS_GPT", "no/name"),
            ("RATE_LIMITS", "key:60"),
            ("REDIS_URL", "http://cache"),
            ("TRUSTED_PROXIES", "proxy.example"),
            ("TRUSTED_PROXY_HEADER", "Via"),
            ("AUDIT_DAYS", "0"),
            ("ADMIN_LISTEN", "9000"),
            ("ADMIN_PUBLIC_URL", "operators"),
        ])
        .unwrap_err();
        assert_eq!(faults.0.len(), 17, "{faults}");
    }

    #[test]
    fn a_secret_can_lie_in_a_file_of_its_own() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
        let path = secret.path().to_str().unwrap();
        let config = read(&[("SECRET_KEY_FILE", path)]).unwrap();
        let expected = "0123456789abcdef0123456789abcdef";
        assert_eq!(config.secret_key.as_deref(), Some(expected));
        // As Compose has it for a variable without a value.
        assert!(read(&[("SECRET_KEY_FILE", path), ("SECRET_KEY", "")]).is_ok());

        let settings = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&settings, format!("secret_key_file: {path}\n")).unwrap();
        let config = [("CONFIG", settings.path().to_str().unwrap())];
        assert_eq!(read(&config).unwrap().secret_key.as_deref(), Some(expected));
        let other = "fedcba9876543210fedcba9876543210";
        let both = read(&[config[0], ("SECRET_KEY", other)]).unwrap();
        assert_eq!(both.secret_key.as_deref(), Some(other));
    }

    #[test]
    fn a_setting_and_a_file_for_it_contradict() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&secret, "0123456789abcdef0123456789abcdef").unwrap();
        let path = secret.path().to_str().unwrap();
        let both = [
            ("SECRET_KEY", "0123456789abcdef0123456789abcdef"),
            ("SECRET_KEY_FILE", path),
        ];
        let faults = read(&both).unwrap_err().to_string();
        assert!(
            faults.contains("SECRET_KEY: is set, and SECRET_KEY_FILE too"),
            "{faults}"
        );
        assert!(!faults.contains("0123456789abcdef"), "{faults}");
        let faults = read(&[("REDIS_URL_FILE", "/does/not/exist")]).unwrap_err();
        assert!(
            faults
                .to_string()
                .contains("REDIS_URL_FILE: /does/not/exist"),
            "{faults}"
        );
    }

    #[test]
    fn settings_are_known_by_their_names() {
        let names = Config::names();
        for name in [
            "CONFIG",
            "DATABASE_URL",
            "LISTEN",
            "RATE_LIMITS",
            "TLS_KEY",
            "BACKUP_AT",
        ] {
            assert!(names.contains(name), "{name}");
        }
        assert!(!names.contains("DATABASE_ULR"));
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            &file,
            "listen: 0.0.0.0:9000\nmax:\n  document_bytes: 1000\n",
        )
        .unwrap();
        let path = file.path().to_str().unwrap();
        let config = read(&[("CONFIG", path), ("LISTEN", "127.0.0.1:1")]).unwrap();
        assert_eq!(config.http.listen.port(), 1);
        assert_eq!(config.limits.document_bytes, 1000);
    }
}
