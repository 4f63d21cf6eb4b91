//! What a GPT has stored, and how its calls went: counted when the operator asks.

use sea_orm::{ConnectionTrait, QueryResult};

use super::{Store, StoreError};
use crate::clock::Timestamp;
use crate::ids::Tenant;

/// What a GPT has stored in the database, and the sizes of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredUsage {
    /// Collections.
    pub collections: i64,
    /// Objects.
    pub objects: i64,
    /// Bytes of all documents, as the database writes them as text.
    pub document_bytes: i64,
    /// Namespaces in the database.
    pub namespaces: i64,
    /// Their keys.
    pub entries: i64,
    /// Bytes of their snapshots.
    pub namespace_bytes: i64,
    /// Files.
    pub files: i64,
    /// Bytes of files and of parts of uploads that are open.
    pub file_bytes: i64,
}

/// Calls by the class of the status that they were answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// 2xx.
    pub successful: i64,
    /// 3xx.
    pub redirected: i64,
    /// 4xx.
    pub refused: i64,
    /// 5xx.
    pub failed: i64,
}

impl CallCounts {
    /// All of them.
    #[must_use]
    pub fn total(self) -> i64 {
        self.successful + self.redirected + self.refused + self.failed
    }
}

/// `sum` of integers is a decimal number on PostgreSQL, and null of no rows on both.
const STORED: &str = "SELECT \
     (SELECT count(*) FROM collections WHERE gpt_id = $1), \
     (SELECT count(*) FROM objects WHERE gpt_id = $1), \
     (SELECT CAST(coalesce(sum(octet_length(CAST(body AS text))), 0) AS bigint) \
      FROM objects WHERE gpt_id = $1), \
     (SELECT count(*) FROM kv_namespaces WHERE gpt_id = $1), \
     (SELECT count(*) FROM kv_entries WHERE gpt_id = $1), \
     (SELECT CAST(coalesce(sum(bytes), 0) AS bigint) FROM kv_namespaces WHERE gpt_id = $1), \
     coalesce((SELECT files FROM file_usage WHERE gpt_id = $1), 0), \
     coalesce((SELECT bytes FROM file_usage WHERE gpt_id = $1), 0)";

const CALLS: &str = "SELECT \
     count(CASE WHEN status BETWEEN 200 AND 299 THEN 1 END), \
     count(CASE WHEN status BETWEEN 300 AND 399 THEN 1 END), \
     count(CASE WHEN status BETWEEN 400 AND 499 THEN 1 END), \
     count(CASE WHEN status BETWEEN 500 AND 599 THEN 1 END) \
     FROM audit_log WHERE gpt_id = $1 AND created_at >= $2 AND created_at < $3";

impl Store {
    /// What the tenant has stored. It reads all of it, so it is for operators alone.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn stored_usage(&self, tenant: &Tenant) -> Result<StoredUsage, StoreError> {
        let count = self.statement(STORED, [tenant.gpt_id().into()]);
        let row = self.database().reads().query_one_raw(count).await?;
        let row = row.ok_or_else(|| StoreError::bug("no row of counts"))?;
        Ok(StoredUsage {
            collections: number(&row, 0)?,
            objects: number(&row, 1)?,
            document_bytes: number(&row, 2)?,
            namespaces: number(&row, 3)?,
            entries: number(&row, 4)?,
            namespace_bytes: number(&row, 5)?,
            files: number(&row, 6)?,
            file_bytes: number(&row, 7)?,
        })
    }

    /// How the tenant's calls from `since` on, and before `until`, went.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn count_calls(
        &self,
        tenant: &Tenant,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<CallCounts, StoreError> {
        let values = [tenant.gpt_id().into(), since.into(), until.into()];
        let count = self.statement(CALLS, values);
        let row = self.database().reads().query_one_raw(count).await?;
        let row = row.ok_or_else(|| StoreError::bug("no row of counts"))?;
        Ok(CallCounts {
            successful: number(&row, 0)?,
            redirected: number(&row, 1)?,
            refused: number(&row, 2)?,
            failed: number(&row, 3)?,
        })
    }
}

fn number(row: &QueryResult, index: usize) -> Result<i64, StoreError> {
    Ok(row.try_get_by_index(index)?)
}
