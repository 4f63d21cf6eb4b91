//! What can go wrong between the service and the database.
//!
//! A failure is recognized by SQLSTATE or by SQLite's extended result code, never by the words of
//! a message. No `Display` here shows SQL, a host or a value: those stay in the source, for the log.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// A failure of the database, or of the way to it.
///
/// Cloneable, because one statement may carry the requests of several callers.
#[derive(Clone, Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What a [`StoreError`] means to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The database cannot be reached or cannot serve now; trying again later may help.
    Unavailable,
    /// The row exists already.
    UniqueViolation(UniqueKey),
    /// The row that this one belongs to does not exist.
    ForeignKeyViolation,
    /// The database chose this transaction to give way, more often than it is retried.
    Serialization,
    /// The statement ran longer than it may.
    Timeout,
    /// The database cannot hold a value, such as a NUL character in a text.
    InvalidText,
    /// The database URL cannot be used; the source says why.
    Settings,
    /// Anything else: a fault of this program or of the database's schema.
    Bug,
}

/// Why a write that depends on the caller's judgment of a locked row did not happen.
#[derive(Debug)]
pub enum WriteError<E> {
    /// The caller's function refused what it saw.
    Refused(E),
    /// The database failed.
    Store(StoreError),
}

impl<E> From<StoreError> for WriteError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E> From<DbErr> for WriteError<E> {
    fn from(error: DbErr) -> Self {
        Self::Store(error.into())
    }
}

/// Which kind of key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniqueKey {
    /// The table's primary key.
    Primary,
    /// Another unique index.
    Index,
}

impl StoreError {
    /// What the failure means.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// True when the same transaction may succeed if it is run again from its beginning.
    pub(super) fn is_serialization(&self) -> bool {
        self.kind == StoreErrorKind::Serialization
    }

    /// True when trying again later may help.
    pub(super) fn is_unavailable(&self) -> bool {
        self.kind == StoreErrorKind::Unavailable
    }

    /// True when a part of the statement may be at fault, rather than the database or its state.
    pub(super) fn blames_the_statement(&self) -> bool {
        match self.kind {
            StoreErrorKind::UniqueViolation(_)
            | StoreErrorKind::ForeignKeyViolation
            | StoreErrorKind::InvalidText
            | StoreErrorKind::Bug => true,
            StoreErrorKind::Unavailable
            | StoreErrorKind::Serialization
            | StoreErrorKind::Timeout
            | StoreErrorKind::Settings => false,
        }
    }

    /// A fault of this program, or a row that this program cannot have written.
    pub(super) fn bug(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(StoreErrorKind::Bug, source)
    }

    /// A database URL that cannot be used.
    pub(super) fn settings(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(StoreErrorKind::Settings, source)
    }

    /// The store is closed, or closing.
    pub(super) fn closed() -> Self {
        Self {
            kind: StoreErrorKind::Unavailable,
            source: None,
        }
    }

    pub(super) fn new(
        kind: StoreErrorKind,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            source: Some(Arc::from(source.into())),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the database is unavailable",
            StoreErrorKind::UniqueViolation(_) => "the row exists already",
            StoreErrorKind::ForeignKeyViolation => "the row's parent does not exist",
            StoreErrorKind::Serialization => "the transaction gave way to others too often",
            StoreErrorKind::Timeout => "the database took too long",
            StoreErrorKind::InvalidText => "the database cannot hold the value",
            StoreErrorKind::Settings => "the database URL cannot be used",
            StoreErrorKind::Bug => "the database refused a statement",
        })
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        let kind = match &error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => kind_of(error),
            DbErr::ConnectionAcquire(
                ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed,
            ) => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Bug,
        };
        Self::new(kind, error)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::new(kind_of(&error), error)
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::new(StoreErrorKind::Unavailable, error)
    }
}

fn kind_of(error: &sqlx::Error) -> StoreErrorKind {
    use sqlx::Error;
    match error {
        Error::Database(error) => kind_of_report(error.as_ref()),
        // The connection broke, or there was none to be had.
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::BeginFailed => StoreErrorKind::Unavailable,
        Error::Configuration(_) => StoreErrorKind::Settings,
        Error::InvalidArgument(_)
        | Error::RowNotFound
        | Error::TypeNotFound { .. }
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::ColumnNotFound(_)
        | Error::ColumnDecode { .. }
        | Error::Encode(_)
        | Error::Decode(_)
        | Error::AnyDriverError(_)
        | Error::InvalidSavePointStatement => StoreErrorKind::Bug,
        // The enum may grow with its crate.
        _ => StoreErrorKind::Bug,
    }
}

fn kind_of_report(error: &dyn DatabaseError) -> StoreErrorKind {
    let code = error.code().unwrap_or_default();
    match error.try_downcast_ref::<PgDatabaseError>() {
        Some(_) => kind_of_sqlstate(&code, error.constraint()),
        None => kind_of_sqlite(code.parse().unwrap_or_default()),
    }
}

/// Sorts PostgreSQL's error codes (its manual, appendix A).
fn kind_of_sqlstate(code: &str, constraint: Option<&str>) -> StoreErrorKind {
    match code {
        "23505" if constraint.is_some_and(|name| name.ends_with("_pkey")) => {
            StoreErrorKind::UniqueViolation(UniqueKey::Primary)
        }
        "23505" => StoreErrorKind::UniqueViolation(UniqueKey::Index),
        "23503" => StoreErrorKind::ForeignKeyViolation,
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => StoreErrorKind::Serialization,
        // query_canceled (statement_timeout), lock_not_available
        "57014" | "55P03" => StoreErrorKind::Timeout,
        // string_data_right_truncation, numeric_value_out_of_range, datetime_field_overflow,
        // character_not_in_repertoire, invalid_json_text, duplicate_json_object_key_value,
        // invalid_text_representation, untranslatable_character
        "22001" | "22003" | "22008" | "22021" | "22030" | "22032" | "22P02" | "22P05"
        // program_limit_exceeded, statement_too_complex
        | "54000" | "54001" => StoreErrorKind::InvalidText,
        // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped,
        // idle_session_timeout, idle_in_transaction_session_timeout
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03"
        // insufficient_resources, disk_full, out_of_memory, too_many_connections,
        // configuration_limit_exceeded, io_error
        | "53000" | "53100" | "53200" | "53300" | "53400" | "58030"
        // read_only_sql_transaction: a standby, or the former primary after a failover
        | "25006"
        // invalid_authorization_specification, invalid_password, invalid_catalog_name
        | "28000" | "28P01" | "3D000"
        // statement_completion_unknown
        | "40003" => StoreErrorKind::Unavailable,
        _ if code.starts_with("08") => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Bug,
    }
}

/// Sorts SQLite's result codes (<https://sqlite.org/rescode.html>).
fn kind_of_sqlite(code: i32) -> StoreErrorKind {
    const CONSTRAINT_FOREIGNKEY: i32 = 787;
    const CONSTRAINT_PRIMARYKEY: i32 = 1555;
    const CONSTRAINT_UNIQUE: i32 = 2067;
    const CONSTRAINT_ROWID: i32 = 2579;
    match code {
        CONSTRAINT_PRIMARYKEY | CONSTRAINT_ROWID => {
            return StoreErrorKind::UniqueViolation(UniqueKey::Primary);
        }
        CONSTRAINT_UNIQUE => return StoreErrorKind::UniqueViolation(UniqueKey::Index),
        CONSTRAINT_FOREIGNKEY => return StoreErrorKind::ForeignKeyViolation,
        _ => {}
    }
    // The low byte is the primary result code.
    match code & 0xff {
        // BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL
        5 | 6 | 7 | 8 | 10 | 13 | 14 | 15 => StoreErrorKind::Unavailable,
        // INTERRUPT
        9 => StoreErrorKind::Timeout,
        // TOOBIG, MISMATCH
        18 | 20 => StoreErrorKind::InvalidText,
        _ => StoreErrorKind::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_are_sorted() {
        use StoreErrorKind::*;
        for (code, kind) in [
            ("57P01", Unavailable),
            ("57P03", Unavailable),
            ("08006", Unavailable),
            ("53300", Unavailable),
            ("53100", Unavailable),
            ("40001", Serialization),
            ("40P01", Serialization),
            ("57014", Timeout),
            ("22P05", InvalidText),
            ("22P02", InvalidText),
            ("22003", InvalidText),
            ("23503", ForeignKeyViolation),
            ("42601", Bug),
        ] {
            assert_eq!(kind_of_sqlstate(code, None), kind, "{code}");
        }
        let primary = kind_of_sqlstate("23505", Some("objects_pkey"));
        assert_eq!(primary, UniqueViolation(UniqueKey::Primary));
        let other = kind_of_sqlstate("23505", Some("api_keys_id_key"));
        assert_eq!(other, UniqueViolation(UniqueKey::Index));
    }

    #[test]
    fn sqlite_codes_are_sorted_with_their_extensions() {
        use StoreErrorKind::*;
        for (code, kind) in [
            (5, Unavailable),
            (517, Unavailable), // SQLITE_BUSY_SNAPSHOT
            (6, Unavailable),
            (13, Unavailable),
            (778, Unavailable), // SQLITE_IOERR_WRITE
            (787, ForeignKeyViolation),
            (1555, UniqueViolation(UniqueKey::Primary)),
            (2067, UniqueViolation(UniqueKey::Index)),
            (1, Bug),
            (11, Bug),
        ] {
            assert_eq!(kind_of_sqlite(code), kind, "{code}");
        }
    }

    #[test]
    fn display_shows_no_source() {
        let error = StoreError::bug("SELECT secret FROM host:5432");
        assert_eq!(error.to_string(), "the database refused a statement");
        assert!(error.source().is_some());
    }
}
