//! What is forgotten of grants once nobody can ask for it.

use sea_orm::ConnectionTrait;

use crate::clock::Timestamp;
use crate::store::{Store, StoreError};

impl Store {
    /// Forgets codes and refresh tokens that expired before `grants`, and sessions that ended or
    /// expired before `sessions`, and says how many there were.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn prune_grants(
        &self,
        grants: Timestamp,
        sessions: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut pruned = 0;
        for (table, key, over, before) in [
            (
                "authorization_codes",
                "code_hash",
                "expires_at < $1",
                grants,
            ),
            ("refresh_tokens", "token_hash", "expires_at < $1", grants),
            (
                "sessions",
                "id",
                "expires_at < $1 OR ended_at < $1",
                sessions,
            ),
        ] {
            pruned += self.prune_table(table, key, over, before).await?;
        }
        Ok(pruned)
    }

    /// Small transactions, so that nobody waits long behind a prune.
    async fn prune_table(
        &self,
        table: &str,
        key: &str,
        over: &str,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        const BATCH: u64 = 500;
        let skip_locked = self.locking(" FOR UPDATE SKIP LOCKED");
        let mut pruned = 0;
        loop {
            let delete = self.statement(
                format!(
                    "DELETE FROM {table} WHERE (gpt_id, {key}) IN (\
                     SELECT gpt_id, {key} FROM {table} WHERE {over} LIMIT {BATCH}{skip_locked})"
                ),
                [before.into()],
            );
            let deleted = self.database().writes().execute_raw(delete).await?;
            pruned += deleted.rows_affected();
            if deleted.rows_affected() < BATCH {
                return Ok(pruned);
            }
        }
    }
}
