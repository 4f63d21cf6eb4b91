//! Changing a namespace, if it is as the caller expects.

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};

use super::{NamespacePart, NamespaceRow};
use crate::clock::Timestamp;
use crate::ids::{NamespaceName, Tenant};
use crate::store::transaction::{Retry, end};
use crate::store::{Backend, Store, StoreError, WriteError};

/// What becomes of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryChange {
    /// The key.
    pub key: String,
    /// The entry as a snapshot has it, `"key":value`; `None` deletes it.
    pub entry: Option<String>,
}

/// A change of a namespace.
#[derive(Clone, Debug)]
pub struct NamespacePatch {
    /// The changes, at most one for each key.
    pub changes: Vec<EntryChange>,
    /// The application that makes them.
    pub updated_by: String,
    /// Whether the answer shall have the entries.
    pub wants_entries: bool,
}

/// A namespace after a patch.
#[derive(Clone, Debug)]
pub struct PatchedNamespace {
    /// The namespace as it is now.
    pub row: NamespaceRow,
    /// All its entries, joined by commas, if they were wanted.
    pub entries: Option<String>,
}

/// A namespace under its lock.
struct Locked {
    version: i64,
    bytes: i64,
    updated_at: Timestamp,
}

impl Store {
    /// Applies `patch` to the namespace, which is made if it does not exist.
    ///
    /// `check_version` sees its version under a lock, 0 when nothing was ever stored in it, and
    /// `check_bytes` what its entries will take. Both may be called again when the transaction is.
    /// `now` is asked under the lock, so that times follow the order of the changes.
    ///
    /// # Errors
    ///
    /// What the checks refuse, and what the database reports.
    pub async fn patch_namespace<E>(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        patch: &NamespacePatch,
        now: impl Fn() -> Timestamp,
        check_version: impl Fn(i64) -> Result<(), E>,
        check_bytes: impl Fn(i64) -> Result<(), E>,
    ) -> Result<PatchedNamespace, WriteError<E>> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let result = self
                .patch_within(
                    &transaction,
                    tenant,
                    name,
                    patch,
                    &now,
                    &check_version,
                    &check_bytes,
                )
                .await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                // Nothing was written when another was first to make it; then it is there.
                if let Some(patched) = result.transpose() {
                    return patched;
                }
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "they are those of `patch_namespace`"
    )]
    async fn patch_within<E>(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        name: &NamespaceName,
        patch: &NamespacePatch,
        now: impl Fn() -> Timestamp,
        check_version: impl Fn(i64) -> Result<(), E>,
        check_bytes: impl Fn(i64) -> Result<(), E>,
    ) -> Result<Option<PatchedNamespace>, WriteError<E>> {
        let locked = self.lock_namespace(transaction, tenant, name).await?;
        let version = locked.as_ref().map_or(0, |locked| locked.version);
        check_version(version).map_err(WriteError::Refused)?;
        let before = locked.as_ref().map_or(0, |locked| locked.bytes);
        let freed = self.changed_bytes(transaction, tenant, name, patch).await?;
        let bytes = before - freed + patch.bytes();
        check_bytes(bytes).map_err(WriteError::Refused)?;
        let now = now();
        let row = NamespaceRow {
            version: version + 1,
            updated_by: patch.updated_by.clone(),
            updated_at: locked
                .as_ref()
                .map_or(now, |locked| now.max(locked.updated_at)),
        };
        let write = self.write_namespace(tenant, name, &row, bytes);
        if transaction.execute_raw(write).await?.rows_affected() == 0 {
            return Ok(None);
        }
        for write in self.write_entries(tenant, name, patch) {
            transaction.execute_raw(write).await?;
        }
        let entries = match patch.wants_entries {
            true => self.read_whole(transaction, tenant, name).await?,
            false => None,
        };
        Ok(Some(PatchedNamespace {
            row,
            entries: entries.map(|NamespacePart { entries, .. }| entries),
        }))
    }

    async fn lock_namespace(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        name: &NamespaceName,
    ) -> Result<Option<Locked>, StoreError> {
        let lock = self.locking(" FOR UPDATE");
        let find = self.statement(
            format!(
                "SELECT version, bytes, updated_at FROM kv_namespaces \
                 WHERE gpt_id = $1 AND name = $2{lock}"
            ),
            [tenant.gpt_id().into(), name.into()],
        );
        let Some(row) = transaction.query_one_raw(find).await? else {
            return Ok(None);
        };
        Ok(Some(Locked {
            version: row.try_get_by_index(0)?,
            bytes: row.try_get_by_index(1)?,
            updated_at: row.try_get_by_index(2)?,
        }))
    }

    /// What the keys that `patch` changes take now.
    async fn changed_bytes(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        name: &NamespaceName,
        patch: &NamespacePatch,
    ) -> Result<i64, StoreError> {
        let keys = patch.changes.iter().map(|change| change.key.clone());
        let mut bytes = 0;
        for statement in self.sizes_of_entries(tenant, name, keys.collect()) {
            let row = transaction.query_one_raw(statement).await?;
            let row = row.ok_or_else(|| StoreError::bug("no row from an aggregate"))?;
            bytes += row.try_get_by_index::<i64>(0)?;
        }
        Ok(bytes)
    }

    /// Statements whose sum is what `keys` take.
    ///
    /// On PostgreSQL each key is looked up by itself: with `key = ANY(…)`, a planner that knows
    /// nothing of a new namespace reads all of it and throws away what is not asked for.
    pub(in crate::store) fn sizes_of_entries(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        keys: Vec<String>,
    ) -> Vec<Statement> {
        let entry = |key: &str| {
            format!(
                "(SELECT octet_length(entry) + 1 FROM kv_entries \
                 WHERE gpt_id = $1 AND namespace = $2 AND key = {key})"
            )
        };
        match self.backend() {
            Backend::Postgres => vec![self.statement(
                format!(
                    "SELECT coalesce(sum({}), 0) FROM unnest($3::text[]) AS u (key)",
                    entry("u.key")
                ),
                [tenant.gpt_id().into(), name.into(), keys.into()],
            )],
            Backend::Sqlite => keys
                .into_iter()
                .map(|key| {
                    self.statement(
                        format!("SELECT coalesce({}, 0)", entry("$3")),
                        [tenant.gpt_id().into(), name.into(), key.into()],
                    )
                })
                .collect(),
        }
    }

    /// Inserts or updates the namespace's row. It affects none when the row was to be made and
    /// another transaction made it first.
    fn write_namespace(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        row: &NamespaceRow,
        bytes: i64,
    ) -> Statement {
        let sql = if row.version == 1 {
            "INSERT INTO kv_namespaces \
             (gpt_id, name, version, bytes, updated_by, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (gpt_id, name) DO NOTHING"
        } else {
            "UPDATE kv_namespaces SET version = $3, bytes = $4, updated_by = $5, updated_at = $6 \
             WHERE gpt_id = $1 AND name = $2"
        };
        self.statement(
            sql,
            [
                tenant.gpt_id().into(),
                name.into(),
                row.version.into(),
                bytes.into(),
                row.updated_by.as_str().into(),
                row.updated_at.into(),
            ],
        )
    }

    fn write_entries(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        patch: &NamespacePatch,
    ) -> Vec<Statement> {
        match self.backend() {
            Backend::Postgres => self.entries_on_postgres(tenant, name, patch),
            Backend::Sqlite => self.entries_on_sqlite(tenant, name, patch),
        }
    }

    /// One statement for what is set, and one for what is deleted.
    pub(in crate::store) fn entries_on_postgres(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        patch: &NamespacePatch,
    ) -> Vec<Statement> {
        let (mut keys, mut entries, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
        for change in &patch.changes {
            match &change.entry {
                Some(entry) => {
                    keys.push(change.key.clone());
                    entries.push(entry.clone());
                }
                None => deleted.push(change.key.clone()),
            }
        }
        let key = || [tenant.gpt_id().into(), name.into()];
        let mut statements = Vec::new();
        if !keys.is_empty() {
            let [gpt_id, namespace] = key();
            statements.push(self.statement(
                "INSERT INTO kv_entries (gpt_id, namespace, key, entry) \
                 SELECT $1, $2, u.key, u.entry FROM unnest($3::text[], $4::text[]) AS u (key, entry) \
                 ON CONFLICT (gpt_id, namespace, key) DO UPDATE SET entry = excluded.entry",
                [gpt_id, namespace, keys.into(), entries.into()],
            ));
        }
        if !deleted.is_empty() {
            let [gpt_id, namespace] = key();
            // By whole keys, for the reason that `sizes_of_entries` tells.
            statements.push(self.statement(
                "DELETE FROM kv_entries WHERE (gpt_id, namespace, key) IN \
                 (SELECT $1, $2, unnest($3::text[]))",
                [gpt_id, namespace, deleted.into()],
            ));
        }
        statements
    }

    /// One statement for each key.
    fn entries_on_sqlite(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        patch: &NamespacePatch,
    ) -> Vec<Statement> {
        let statement = |change: &EntryChange| {
            let (gpt_id, namespace) = (tenant.gpt_id().into(), name.into());
            let key = change.key.as_str().into();
            match &change.entry {
                Some(entry) => self.statement(
                    "INSERT INTO kv_entries (gpt_id, namespace, key, entry) \
                     VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (gpt_id, namespace, key) DO UPDATE SET entry = excluded.entry",
                    [gpt_id, namespace, key, entry.as_str().into()],
                ),
                None => self.statement(
                    "DELETE FROM kv_entries WHERE gpt_id = $1 AND namespace = $2 AND key = $3",
                    [gpt_id, namespace, key],
                ),
            }
        };
        patch.changes.iter().map(statement).collect()
    }
}

impl NamespacePatch {
    /// What its entries will take.
    fn bytes(&self) -> i64 {
        let entries = self
            .changes
            .iter()
            .filter_map(|change| change.entry.as_ref());
        entries.map(|entry| entry.len() as i64 + 1).sum()
    }
}
