//! Opening the database: which one, and with which settings.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use sea_orm::{DatabaseConnection, DbBackend, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::StoreError;

/// Where the database is, and how much of it may be used.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `sqlite://path` or `postgres://user:password@host:port/database`.
    pub url: String,
    /// Most connections to PostgreSQL. SQLite has one writer and four readers, whatever this says.
    pub max_connections: u32,
    /// Longest wait for a connection before the database counts as unavailable.
    pub acquire_timeout: Duration,
    /// Longest that PostgreSQL works on one statement.
    pub statement_timeout: Duration,
}

impl DatabaseSettings {
    /// The defaults for `url`: 16 connections, 3 s to get one, 30 s a statement.
    ///
    /// While the database is away, a request may wait for the batch before it and then for its
    /// own connection: twice the time to get one, which callers see before the 503.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

/// The two databases that the store runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// One file, one process: the embedded default.
    Sqlite,
    /// A server shared by all replicas.
    Postgres,
}

/// The open pools.
pub(super) enum Database {
    Sqlite {
        writer: DatabaseConnection,
        readers: DatabaseConnection,
        path: PathBuf,
        /// Tells who would replace the file that it is open.
        _in_use: File,
    },
    Postgres {
        pool: DatabaseConnection,
        /// Makes further connections, without the limits of the pool's.
        options: Box<PgConnectOptions>,
        acquire_timeout: Duration,
    },
}

/// How many connections there are to the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// At work.
    pub busy: u32,
    /// Open, and waiting for work.
    pub idle: u32,
    /// That may still be opened.
    pub free: u32,
}

impl Connections {
    fn of<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> Self {
        let open = pool.size();
        let idle = u32::try_from(pool.num_idle()).unwrap_or(open).min(open);
        Self {
            busy: open - idle,
            idle,
            free: pool.options().get_max_connections().saturating_sub(open),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            busy: self.busy + other.busy,
            idle: self.idle + other.idle,
            free: self.free + other.free,
        }
    }
}

impl Database {
    pub(super) fn connections(&self) -> Connections {
        match self {
            Self::Sqlite {
                writer, readers, ..
            } => {
                let writer = Connections::of(writer.get_sqlite_connection_pool());
                writer.and(Connections::of(readers.get_sqlite_connection_pool()))
            }
            Self::Postgres { pool, .. } => Connections::of(pool.get_postgres_connection_pool()),
        }
    }

    pub(super) fn backend(&self) -> Backend {
        match self {
            Self::Sqlite { .. } => Backend::Sqlite,
            Self::Postgres { .. } => Backend::Postgres,
        }
    }

    pub(super) fn dialect(&self) -> DbBackend {
        self.reads().get_database_backend()
    }

    /// The connections for statements that change nothing.
    pub(super) fn reads(&self) -> &DatabaseConnection {
        match self {
            Self::Sqlite { readers, .. } => readers,
            Self::Postgres { pool, .. } => pool,
        }
    }

    /// The connections for statements that change something.
    pub(super) fn writes(&self) -> &DatabaseConnection {
        match self {
            Self::Sqlite { writer, .. } => writer,
            Self::Postgres { pool, .. } => pool,
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite {
                writer, readers, ..
            } => {
                // The writer goes last: the connection that closes last checkpoints the WAL.
                readers.get_sqlite_connection_pool().close().await;
                writer.get_sqlite_connection_pool().close().await;
            }
            Self::Postgres { pool, .. } => pool.get_postgres_connection_pool().close().await,
        }
    }
}

pub(super) async fn open(settings: &DatabaseSettings) -> Result<Database, StoreError> {
    let url = settings.url.as_str();
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return open_postgres(settings);
    }
    match url.strip_prefix("sqlite:") {
        Some(rest) => open_sqlite(sqlite_path(rest)?, settings).await,
        None => Err(StoreError::settings(
            "DATABASE_URL must begin with sqlite:// or postgres://",
        )),
    }
}

fn open_postgres(settings: &DatabaseSettings) -> Result<Database, StoreError> {
    let options = PgConnectOptions::from_str(&settings.url)?
        .application_name("gpt-object-store")
        .statement_cache_capacity(200)
        .disable_statement_logging();
    let limited = options.clone().options([(
        "statement_timeout",
        settings.statement_timeout.as_millis().to_string(),
    )]);
    let pool = postgres_pool(settings).connect_lazy_with(limited);
    Ok(Database::Postgres {
        pool: SqlxPostgresConnector::from_sqlx_postgres_pool(pool),
        options: Box::new(options),
        acquire_timeout: settings.acquire_timeout,
    })
}

fn postgres_pool(settings: &DatabaseSettings) -> PgPoolOptions {
    /// A ping on every checkout costs a quarter of the throughput, so only a connection that
    /// rested is tested. One second is short enough that, after the database went away and came
    /// back, its dead connections are found here and not by a caller's statement.
    const TEST_IF_IDLE_FOR: Duration = Duration::from_secs(1);
    PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for >= TEST_IF_IDLE_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

pub(super) fn sqlite_path(rest: &str) -> Result<&Path, StoreError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path == ":memory:" || rest.contains("mode=memory") {
        return Err(StoreError::settings(
            "DATABASE_URL must name a file: a database in memory would lose what it acknowledged",
        ));
    }
    if path.contains('?') {
        return Err(StoreError::settings(
            "DATABASE_URL takes no parameters after sqlite://path",
        ));
    }
    Ok(Path::new(path))
}

async fn open_sqlite(path: &Path, settings: &DatabaseSettings) -> Result<Database, StoreError> {
    const READERS: u32 = 4;
    // Before the file itself: one that is being replaced is opened only when it is the new one.
    let in_use = share_lock(path).await?;
    create_private(path)?;
    let pool = || {
        SqlitePoolOptions::new()
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    // The writer queues everyone who writes, so its queue may be longer than a short wait.
    let deadline = Instant::now() + settings.acquire_timeout * 2;
    let writer = loop {
        let opened = pool()
            .max_connections(1)
            .acquire_timeout(settings.acquire_timeout * 2)
            .connect_with(sqlite_options(path))
            .await;
        match opened.map_err(StoreError::from) {
            // The first connection to a new file turns it into one with a WAL, and whoever comes
            // meanwhile is not made to wait by SQLite but refused.
            Err(error) if error.is_unavailable() && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            opened => break opened?,
        }
    };
    let readers = pool()
        .max_connections(READERS)
        .acquire_timeout(settings.acquire_timeout)
        .connect_lazy_with(sqlite_options(path).pragma("query_only", "on"));
    Ok(Database::Sqlite {
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        readers: SqlxSqliteConnector::from_sqlx_sqlite_pool(readers),
        path: path.to_owned(),
        _in_use: in_use,
    })
}

/// Waits until nobody replaces the database, and keeps everybody from it until the file is dropped.
async fn share_lock(database: &Path) -> Result<File, StoreError> {
    let database = database.to_owned();
    let locked = tokio::task::spawn_blocking(move || {
        let file = open_lock(&database)?;
        file.lock_shared()?;
        Ok::<_, std::io::Error>(file)
    });
    Ok(locked.await.map_err(StoreError::bug)??)
}

/// The file `<database>.open.lock`: locked by all who have the database open, and by one alone who
/// replaces it. A lock ends with its process, however that ends.
pub(super) fn open_lock(database: &Path) -> std::io::Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".open.lock");
    let path = PathBuf::from(path);
    create_private(&path)?;
    File::options().append(true).open(path)
}

fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL may lose the last commits when the power fails; an acknowledged write may not be.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .statement_cache_capacity(200)
        .pragma("journal_size_limit", (64 << 20).to_string())
        .pragma("cache_size", "-8000")
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

/// Creates the file and its directory for this user alone. SQLite gives its WAL the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut directory = std::fs::DirBuilder::new();
    let mut file = std::fs::OpenOptions::new();
    file.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        directory.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        directory.recursive(true).create(parent)?;
    }
    file.open(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::StoreErrorKind;
    use super::*;

    #[test]
    fn memory_and_parameters_are_refused() {
        for rest in [
            "",
            "//",
            ":memory:",
            "//:memory:",
            "//x?mode=memory",
            "file.db?mode=rwc",
        ] {
            let error = sqlite_path(rest).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Settings, "{rest}");
        }
        assert_eq!(
            sqlite_path("//./data/x.db").unwrap(),
            Path::new("./data/x.db")
        );
        assert_eq!(sqlite_path("///var/x.db").unwrap(), Path::new("/var/x.db"));
    }

    #[tokio::test]
    async fn other_schemes_are_refused() {
        let error = open(&DatabaseSettings::new("mysql://localhost/x"))
            .await
            .err();
        assert_eq!(error.unwrap().kind(), StoreErrorKind::Settings);
    }
}
