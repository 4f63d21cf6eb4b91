//! Backups of a SQLite database, and the way back. PostgreSQL has programs of its own for that.
//!
//! Both are files that appear whole: what is written has a hidden name until it was checked and lies
//! on the disk.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tempfile::{NamedTempFile, TempPath};
use tokio::task::spawn_blocking;

use super::StoreError;
use super::connect::{open_lock, sqlite_path};

/// What unfinished files are called, before and after what makes them unique.
pub const UNFINISHED: (&str, &str) = (".backup-", ".partial");

/// Why there is no backup, or why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Only SQLite can be backed up from here.
    #[error(
        "this is for SQLite: PostgreSQL is backed up and restored by the programs in ops/backup"
    )]
    NotSqlite,
    /// There is nothing to read.
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    /// Nothing is overwritten unasked.
    #[error("there is already a file {}", .0.display())]
    Exists(PathBuf),
    /// Another process makes a backup in the same folder.
    #[error("another backup is under way")]
    Running,
    /// The file is cut, changed, or no database at all.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// The file is a database of another program.
    #[error("the file is no backup of this store")]
    Foreign,
    /// A server, or a command, has the database open.
    #[error("the database is in use: stop the server first")]
    InUse,
    /// The database or the disk failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Writes the database of `url` as it is at one moment to the new file `to`, while others read and
/// write it.
///
/// # Errors
/// When `url` is not SQLite's, the database is missing, or `to` is there already.
pub async fn back_up(url: &str, to: &Path) -> Result<(), BackupError> {
    let database = file_of(url)?;
    if !database.exists() {
        return Err(BackupError::Missing(database.to_owned()));
    }
    refuse_existing(to)?;
    let copy = unfinished_beside(to)?;
    let mut connection = open(database).await?;
    let vacuum = sqlx::query("VACUUM INTO ?").bind(text(copy.path())?);
    vacuum.execute(&mut connection).await?;
    connection.close().await?;
    check(copy.path()).await?;
    let to = to.to_owned();
    blocking(move || {
        copy.as_file().sync_all()?;
        let kept = copy.into_temp_path().persist_noclobber(&to);
        kept.map_err(|refused| refused.error)?;
        sync_folder(&to)
    })
    .await
}

/// Makes `backup` the database of `url`. What was there before is replaced only if `overwrite` says
/// so, and lost.
///
/// # Errors
/// When `url` is not SQLite's, `backup` is not a whole database of this store, or the database is in
/// use or, without `overwrite`, there.
pub async fn restore(url: &str, backup: &Path, overwrite: bool) -> Result<(), BackupError> {
    let database = file_of(url)?.to_owned();
    if !backup.is_file() {
        return Err(BackupError::Missing(backup.to_owned()));
    }
    if !overwrite {
        refuse_existing(&database)?;
    }
    if let Some(folder) = database.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Whoever starts meanwhile waits, and then opens the new file.
    let lock = open_lock(&database)?;
    lock.try_lock().map_err(|refused| match refused {
        TryLockError::WouldBlock => BackupError::InUse,
        TryLockError::Error(error) => error.into(),
    })?;
    let copy = unfinished_beside(&database)?;
    let source = backup.to_owned();
    let copy = blocking(move || {
        // Into the file that is there, which nobody else may read.
        io::copy(&mut File::open(source)?, &mut copy.as_file())?;
        Ok(copy)
    })
    .await?;
    check(copy.path()).await?;
    fold_log(&database).await;
    let copy = copy.into_temp_path();
    blocking(move || replace(copy, &database)).await?;
    drop(lock);
    Ok(())
}

/// Checks that the file at `path` is a whole database of this store.
async fn check(path: &Path) -> Result<(), BackupError> {
    let pages = path.to_owned();
    if blocking(move || is_cut(&pages)).await? {
        return Err(BackupError::Damaged("it ends early".to_owned()));
    }
    let damaged = |error: sqlx::Error| BackupError::Damaged(error.to_string());
    let mut connection = open(path).await.map_err(damaged)?;
    let found: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(&mut connection)
        .await
        .map_err(damaged)?;
    if found != "ok" {
        return Err(BackupError::Damaged(found));
    }
    let known: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' \
         AND name IN ('seaql_migrations', 'gpts', 'settings')",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(damaged)?;
    connection.close().await?;
    match known {
        3 => Ok(()),
        _ => Err(BackupError::Foreign),
    }
}

/// Whether a database is shorter than its header says (<https://sqlite.org/fileformat2.html>, 1.3).
/// SQLite itself takes what a last page lacks for zeros.
fn is_cut(path: &Path) -> io::Result<bool> {
    let mut header = [0; 32];
    let mut file = File::open(path)?;
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        read => read?,
    }
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
    Ok(file.metadata()?.len() < page_size * u64::from(pages))
}

/// Moves what is only in the write-ahead log of the database that goes into its file, so that a crash
/// before the new one is in place loses nothing. One that is too damaged for that goes as it is.
async fn fold_log(database: &Path) {
    let Ok(mut connection) = open(database).await else {
        return;
    };
    let fold = sqlx::query("PRAGMA journal_mode = DELETE");
    if let Err(error) = fold.execute(&mut connection).await {
        tracing::warn!(%error, "the database that is replaced is damaged");
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database that is replaced is damaged");
    }
}

/// Puts `copy` in the place of `database`, whose log must not be taken for that of the new one.
fn replace(copy: TempPath, database: &Path) -> io::Result<()> {
    File::open(&copy)?.sync_all()?;
    for suffix in ["-wal", "-shm"] {
        let mut beside = database.as_os_str().to_owned();
        beside.push(suffix);
        match std::fs::remove_file(beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    copy.persist(database).map_err(|refused| refused.error)?;
    sync_folder(database)
}

fn file_of(url: &str) -> Result<&Path, BackupError> {
    let rest = url.strip_prefix("sqlite:").ok_or(BackupError::NotSqlite)?;
    Ok(sqlite_path(rest)?)
}

fn refuse_existing(path: &Path) -> Result<(), BackupError> {
    match path.try_exists()? {
        true => Err(BackupError::Exists(path.to_owned())),
        false => Ok(()),
    }
}

/// A connection without the server's pragmas: sorting may use the disk, and nothing is created.
async fn open(path: &Path) -> sqlx::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(path);
    options.disable_statement_logging().connect().await
}

/// An empty file of this user alone in the folder of `path`, which goes unless it is kept.
fn unfinished_beside(path: &Path) -> io::Result<NamedTempFile> {
    let (prefix, suffix) = UNFINISHED;
    let mut file = tempfile::Builder::new();
    file.prefix(prefix)
        .suffix(suffix)
        .tempfile_in(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn text(path: &Path) -> Result<&str, BackupError> {
    let text = path.to_str();
    text.ok_or_else(|| StoreError::settings("the path is not UTF-8").into())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BackupError> {
    Ok(spawn_blocking(work).await.map_err(StoreError::bug)??)
}
