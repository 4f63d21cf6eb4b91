//! What the store gives and takes: rows in this program's own types.

use sea_orm::{DbErr, QueryResult, TryGetable};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::CollectionName;

/// An object as the database has it.
#[derive(Clone, Debug)]
pub struct ObjectRow {
    /// UUID v7, unique within the tenant.
    pub id: Uuid,
    /// The collection that it belongs to.
    pub collection: CollectionName,
    /// The document.
    pub body: Document,
    /// 1 at creation, and one more with every change.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last; never before `created_at`.
    pub updated_at: Timestamp,
}

/// A collection as the database has it.
#[derive(Clone, Debug)]
pub struct CollectionRow {
    /// UUID v7, unique within the tenant; a collection deleted and made again has another one.
    pub id: Uuid,
    /// Its name, unique within the tenant.
    pub name: CollectionName,
    /// The JSON Schema that its objects obey, if there is one.
    pub schema: Option<Document>,
    /// 1 at creation, and one more with every change of the schema.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its schema was changed last; never before `created_at`.
    pub updated_at: Timestamp,
    /// Whether changes of its objects are forwarded.
    pub is_forwarded: bool,
}

/// An object to be created.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// UUID v7.
    pub id: Uuid,
    /// The collection that it shall belong to.
    pub collection: CollectionName,
    /// The document, valid under the schema of that version of the collection.
    pub body: Document,
    /// When it is created.
    pub at: Timestamp,
    /// The id of the collection: one deleted and made again is another, of the same version.
    pub collection_id: Uuid,
    /// The version of the collection that `body` was validated against.
    pub collection_version: i64,
    /// Whether the collection's changes are forwarded.
    pub is_forwarded: bool,
}

/// The columns that [`ObjectRow::read`] expects, of the table or alias `o`.
pub(super) const OBJECT_COLUMNS: &str =
    "o.id, o.collection, o.body, o.version, o.created_at, o.updated_at";

/// The columns that [`CollectionRow::read`] expects, of the table or alias `c`.
pub(super) const COLLECTION_COLUMNS: &str =
    "c.id, c.name, c.schema, c.version, c.created_at, c.updated_at, c.is_forwarded";

impl ObjectRow {
    /// Reads [`OBJECT_COLUMNS`], of which the first is the column at `first`.
    pub(super) fn read(row: &QueryResult, first: usize) -> Result<Self, DbErr> {
        Ok(Self {
            id: column(row, first)?,
            collection: column(row, first + 1)?,
            body: column(row, first + 2)?,
            version: column(row, first + 3)?,
            created_at: column(row, first + 4)?,
            updated_at: column(row, first + 5)?,
        })
    }
}

impl CollectionRow {
    /// Reads [`COLLECTION_COLUMNS`], of which the first is the column at `first`.
    pub(super) fn read(row: &QueryResult, first: usize) -> Result<Self, DbErr> {
        Ok(Self {
            id: column(row, first)?,
            name: column(row, first + 1)?,
            schema: column(row, first + 2)?,
            version: column(row, first + 3)?,
            created_at: column(row, first + 4)?,
            updated_at: column(row, first + 5)?,
            is_forwarded: column(row, first + 6)?,
        })
    }
}

fn column<T: TryGetable>(row: &QueryResult, index: usize) -> Result<T, DbErr> {
    row.try_get_by_index(index)
}
