//! How this program's types travel to the database and back.
//!
//! Times: PostgreSQL keeps `timestamptz` to the microsecond. SQLite keeps the RFC 3339 text that
//! sqlx writes, in UTC, with no, three or six fractional digits. Its order as text is its order in
//! time, because `+` sorts before `.` and before every digit; and the same bound value serves both
//! databases, which an integer would not. All times come from the application, already whole
//! microseconds, so both databases return what they were given.
//!
//! Documents: bound as text to `json(…)`, the one spelling that both databases take. On PostgreSQL
//! it is a cast to `json`, assigned to the `jsonb` column; on SQLite it checks the text. A cast to
//! `jsonb` would have numeric affinity on SQLite and would silently store 0. Documents are read as
//! the database's own text and never parsed into a tree, so a number keeps all its digits, also
//! one beyond the range of a double.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{ArrayType, Nullable, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, ColumnType, DbErr, QueryResult, TryGetError, TryGetable, Value, Values};
use sqlx::postgres::{PgRow, PgValueFormat, PgValueRef, Postgres};
use sqlx::{Row, ValueRef};

use super::StoreError;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::document::canonical::compact_jsonb;
use crate::ids::{CollectionName, GptId, NamespaceName};

impl From<&GptId> for Value {
    fn from(gpt_id: &GptId) -> Self {
        gpt_id.as_str().into()
    }
}

impl From<&CollectionName> for Value {
    fn from(name: &CollectionName) -> Self {
        name.as_str().into()
    }
}

impl From<&NamespaceName> for Value {
    fn from(name: &NamespaceName) -> Self {
        name.as_str().into()
    }
}

impl From<&Document> for Value {
    fn from(document: &Document) -> Self {
        document.as_str().into()
    }
}

impl From<Document> for Value {
    fn from(document: Document) -> Self {
        document.as_str().into()
    }
}

impl From<Timestamp> for Value {
    fn from(timestamp: Timestamp) -> Self {
        DateTime::<Utc>::from(timestamp).into()
    }
}

impl Nullable for Document {
    fn null() -> Value {
        Value::String(None)
    }
}

impl Nullable for Timestamp {
    fn null() -> Value {
        Value::ChronoDateTimeUtc(None)
    }
}

impl ValueType for Document {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <String as ValueType>::try_from(value).map(Self::from_canonical)
    }

    fn type_name() -> String {
        "Document".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::JsonBinary
    }
}

impl ValueType for Timestamp {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <DateTime<Utc> as ValueType>::try_from(value).map(Self::from)
    }

    fn type_name() -> String {
        "Timestamp".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::ChronoDateTimeUtc
    }

    fn column_type() -> ColumnType {
        ColumnType::TimestampWithTimeZone
    }
}

impl TryGetable for Timestamp {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        DateTime::<Utc>::try_get_by(row, index).map(Self::from)
    }
}

impl TryGetable for CollectionName {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        parsed(String::try_get_by(row, index)?)
    }
}

impl TryGetable for GptId {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        parsed(String::try_get_by(row, index)?)
    }
}

fn parsed<T>(text: String) -> Result<T, TryGetError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse()
        .map_err(|error: T::Err| DbErr::Type(error.to_string()).into())
}

impl TryGetable for Document {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        match row.try_as_pg_row() {
            Some(pg_row) => from_postgres(pg_row, index),
            None => String::try_get_by(row, index).map(Self::from_canonical),
        }
    }
}

/// The document in a `jsonb` column: its text, without the blanks that PostgreSQL writes.
fn from_postgres<I: ColIdx>(row: &PgRow, index: I) -> Result<Document, TryGetError> {
    let value = row
        .try_get_raw(index.as_sqlx_postgres_index())
        .map_err(|error| DbErr::Type(error.to_string()))?;
    if value.is_null() {
        return Err(TryGetError::Null(format!("{index:?}")));
    }
    let text = jsonb_text(&value).and_then(|bytes| Ok(compact_jsonb(bytes)?));
    match text {
        Ok(text) => Ok(Document::from_canonical(text)),
        Err(error) => Err(DbErr::Type(error.to_string()).into()),
    }
}

fn jsonb_text<'r>(value: &'r PgValueRef<'r>) -> Result<&'r [u8], sqlx::error::BoxDynError> {
    let bytes = value.as_bytes()?;
    match value.format() {
        PgValueFormat::Text => Ok(bytes),
        PgValueFormat::Binary => match bytes {
            [1, text @ ..] => Ok(text),
            _ => Err("jsonb in a format other than version 1".into()),
        },
    }
}

/// The same values as arguments of sqlx, for a statement that must not be prepared.
pub(super) fn postgres_arguments(
    values: Option<Values>,
) -> Result<sqlx::postgres::PgArguments, StoreError> {
    use sqlx::Arguments;
    let mut arguments = <Postgres as sqlx::Database>::Arguments::default();
    for value in values.into_iter().flat_map(|values| values.0) {
        match value {
            Value::String(text) => arguments.add(text),
            Value::BigInt(number) => arguments.add(number),
            Value::BigUnsigned(number) => arguments
                .add(number.and_then(|number| <i64 as TryFrom<u64>>::try_from(number).ok())),
            Value::ChronoDateTimeUtc(time) => arguments.add(time),
            Value::Uuid(id) => arguments.add(id),
            other => return Err(StoreError::bug(format!("no argument for {other:?}"))),
        }
        .map_err(StoreError::bug)?;
    }
    Ok(arguments)
}
