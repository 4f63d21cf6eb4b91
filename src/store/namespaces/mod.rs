//! Namespaces of keys and values: a version for each namespace, a row for each key.
//!
//! A row holds the text that stands in the snapshot, so a snapshot is the rows joined by commas,
//! and nothing is parsed on the way out.

mod patch;

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryResult};

use super::entity::kv_namespaces;
use super::{Store, StoreError};
use crate::clock::Timestamp;
use crate::ids::{NamespaceName, Tenant};

pub use patch::{EntryChange, NamespacePatch, PatchedNamespace};

/// A namespace, without its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceRow {
    /// 1 at creation, and one more with every patch; it never goes back.
    pub version: i64,
    /// The application that wrote last.
    pub updated_by: String,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A namespace, or a part of it, at one moment.
#[derive(Clone, Debug)]
pub struct NamespacePart {
    /// The namespace.
    pub row: NamespaceRow,
    /// Its entries in the order of their keys' bytes, `"key":value`, joined by commas.
    pub entries: String,
    /// The key after which the part that follows begins; `None` when this is the last part.
    pub next_after: Option<String>,
}

/// The columns that [`NamespaceRow::read`] expects first.
const COLUMNS: &str = "n.version, n.updated_by, n.updated_at";

/// All entries of namespace `$2` of GPT `$1`, as a snapshot has them; null when there are none.
const ENTRIES: &str = "(SELECT string_agg(e.entry, ',' ORDER BY e.key) FROM kv_entries e \
                       WHERE e.gpt_id = $1 AND e.namespace = $2)";

impl Store {
    /// The namespace without its entries; `None` when nothing was ever stored in it.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_namespace(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
    ) -> Result<Option<NamespaceRow>, StoreError> {
        let id = (tenant.gpt_id().to_string(), name.to_string());
        let row = kv_namespaces::Entity::find_by_id(id)
            .one(self.database().reads())
            .await?;
        Ok(row.map(|row| NamespaceRow {
            version: row.version,
            updated_by: row.updated_by,
            updated_at: row.updated_at,
        }))
    }

    /// The whole namespace; `None` when nothing was ever stored in it.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn read_namespace(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
    ) -> Result<Option<NamespacePart>, StoreError> {
        self.read_whole(self.database().reads(), tenant, name).await
    }

    /// The part of the namespace that begins after the key `after` and has at most `max_bytes` of
    /// entries, but at least one entry if there is one. `None` when nothing was ever stored in it.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn read_namespace_part(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        after: &str,
        max_bytes: i64,
    ) -> Result<Option<NamespacePart>, StoreError> {
        let find = self.statement(
            format!(
                "SELECT {COLUMNS}, e.key, e.entry, e.total FROM kv_namespaces n LEFT JOIN (\
                 SELECT key, entry, octet_length(entry) + 1 AS size, \
                 sum(octet_length(entry) + 1) OVER (ORDER BY key) AS running, \
                 count(*) OVER () AS total \
                 FROM kv_entries WHERE gpt_id = $1 AND namespace = $2 AND key > $3) AS e \
                 ON e.running <= $4 OR e.running = e.size \
                 WHERE n.gpt_id = $1 AND n.name = $2 ORDER BY e.key"
            ),
            [
                tenant.gpt_id().into(),
                name.into(),
                after.into(),
                max_bytes.into(),
            ],
        );
        let rows = self.database().reads().query_all_raw(find).await?;
        Ok(NamespacePart::read(&rows)?)
    }

    async fn read_whole(
        &self,
        connection: &impl ConnectionTrait,
        tenant: &Tenant,
        name: &NamespaceName,
    ) -> Result<Option<NamespacePart>, StoreError> {
        let find = self.statement(
            format!(
                "SELECT {COLUMNS}, {ENTRIES} FROM kv_namespaces n \
                 WHERE n.gpt_id = $1 AND n.name = $2"
            ),
            [tenant.gpt_id().into(), name.into()],
        );
        let Some(row) = connection.query_one_raw(find).await? else {
            return Ok(None);
        };
        Ok(Some(NamespacePart {
            row: NamespaceRow::read(&row)?,
            entries: row
                .try_get_by_index::<Option<String>>(3)?
                .unwrap_or_default(),
            next_after: None,
        }))
    }
}

impl NamespaceRow {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            version: row.try_get_by_index(0)?,
            updated_by: row.try_get_by_index(1)?,
            updated_at: row.try_get_by_index(2)?,
        })
    }
}

impl NamespacePart {
    /// Reads a row for each entry, or one without any.
    fn read(rows: &[QueryResult]) -> Result<Option<Self>, DbErr> {
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let mut part = Self {
            row: NamespaceRow::read(first)?,
            entries: String::new(),
            next_after: None,
        };
        let Some(total) = first.try_get_by_index::<Option<i64>>(5)? else {
            return Ok(Some(part));
        };
        for row in rows {
            if !part.entries.is_empty() {
                part.entries.push(',');
            }
            part.entries.push_str(&row.try_get_by_index::<String>(4)?);
        }
        if let Some(last) = rows.last().filter(|_| (rows.len() as i64) < total) {
            part.next_after = Some(last.try_get_by_index(3)?);
        }
        Ok(Some(part))
    }
}
