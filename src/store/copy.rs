//! Many rows at once into PostgreSQL, by `COPY … FROM STDIN (FORMAT binary)`: half the work of an
//! `INSERT` from arrays, since nothing is planned, parsed or joined.

use std::ops::{Deref, DerefMut};

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

use super::StoreError;
use crate::clock::Timestamp;
use crate::document::Document;

/// The signature, no flags, and a header extension of no bytes.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Stands where the next row's number of columns would.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// The length of a null.
const NULL: i32 = -1;
/// The version of the binary form of `jsonb`, which is followed by the text.
const JSONB_VERSION: u8 = 1;
/// 2000-01-01T00:00:00Z, from which PostgreSQL counts microseconds.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Rows in the binary form ("COPY", Binary Format, in PostgreSQL's manual). Each is begun by
/// [`CopyRows::row`] and then has its values, as many and of the types that the statement names.
pub(super) struct CopyRows(Vec<u8>);

impl CopyRows {
    /// No rows yet, with room for `bytes`.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut rows = Vec::with_capacity(bytes);
        rows.extend_from_slice(HEADER);
        Self(rows)
    }

    /// The next row, of so many `columns`.
    pub(super) fn row(&mut self, columns: u16) -> &mut Self {
        self.0.extend_from_slice(&columns.to_be_bytes());
        self
    }

    /// A value of any of the types below, or null.
    pub(super) fn nullable<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> &mut Self,
    ) -> &mut Self {
        match value {
            Some(value) => write(self, value),
            None => {
                self.0.extend_from_slice(&NULL.to_be_bytes());
                self
            }
        }
    }

    /// A `text`.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.value(&[text.as_bytes()])
    }

    /// A `uuid`.
    pub(super) fn uuid(&mut self, id: Uuid) -> &mut Self {
        self.value(&[id.as_bytes()])
    }

    /// An `integer`.
    pub(super) fn integer(&mut self, number: i32) -> &mut Self {
        self.value(&[&number.to_be_bytes()])
    }

    /// A `bigint`.
    pub(super) fn bigint(&mut self, number: i64) -> &mut Self {
        self.value(&[&number.to_be_bytes()])
    }

    /// A `double precision`.
    pub(super) fn double(&mut self, number: f64) -> &mut Self {
        self.value(&[&number.to_be_bytes()])
    }

    /// A `timestamptz`.
    pub(super) fn timestamp(&mut self, moment: Timestamp) -> &mut Self {
        let micros = moment.as_micros().saturating_sub(EPOCH_MICROS);
        self.value(&[&micros.to_be_bytes()])
    }

    /// A `jsonb`.
    pub(super) fn jsonb(&mut self, document: &Document) -> &mut Self {
        self.value(&[&[JSONB_VERSION], document.as_str().as_bytes()])
    }

    /// A value in parts. PostgreSQL takes none over 1 GiB, and so much is never held here.
    fn value(&mut self, parts: &[&[u8]]) -> &mut Self {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
        self
    }

    /// Sends the rows with `statement`, a `COPY … FROM STDIN (FORMAT binary)`: all of them, or none.
    /// Returns their number.
    ///
    /// # Errors
    /// What the database reports.
    pub(super) async fn copy(
        mut self,
        connection: &mut PgConnection,
        statement: &str,
    ) -> Result<u64, StoreError> {
        self.0.extend_from_slice(&TRAILER);
        let mut copy = connection.copy_in_raw(statement).await?;
        copy.send(self.0).await?;
        Ok(copy.finish().await?)
    }
}

/// A connection for `COPY`. When its user is dropped in the middle of one, nobody knows any more
/// which answers are still to come, and the next user would take them for its own: so it is closed
/// unless it is released.
pub(super) struct CopyConnection {
    connection: PoolConnection<Postgres>,
    is_released: bool,
}

impl CopyConnection {
    /// A connection out of `pool`.
    ///
    /// # Errors
    /// What the pool reports.
    pub(super) async fn acquire(pool: &PgPool) -> Result<Self, StoreError> {
        Ok(Self {
            connection: pool.acquire().await?,
            is_released: false,
        })
    }

    /// Gives the connection, on which everything was answered, back to its pool.
    pub(super) fn release(mut self) {
        self.is_released = true;
    }
}

impl Deref for CopyConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for CopyConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for CopyConnection {
    fn drop(&mut self) {
        if !self.is_released {
            self.connection.close_on_drop();
        }
    }
}
