//! API keys: their hashes, and what they allow.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::NotSet;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Set, Statement, Value,
};

use super::entity::api_keys;
use super::sessions::EndReason;
use super::transaction::{Retry, end};
use super::{Backend, Store, StoreError};
use crate::clock::Timestamp;
use crate::ids::GptId;

/// A key to be stored.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// SHA-256 of the key.
    pub token_hash: [u8; 32],
    /// The public id, by which the operator names the key.
    pub id: String,
    /// The GPT that it acts for; none for an operator's key.
    pub gpt_id: Option<GptId>,
    /// A name for people.
    pub name: String,
    /// Scopes, separated by blanks.
    pub scopes: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// Its own rate limits, in the words of the setting.
    pub rate_limits: Option<String>,
}

/// A key as the database has it, without the hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// The public id, by which the operator names the key.
    pub id: String,
    /// The GPT that it acts for; none for an operator's key.
    pub gpt_id: Option<GptId>,
    /// A name for people.
    pub name: String,
    /// Scopes, separated by blanks.
    pub scopes: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to within the interval of [`Store::touch_keys`].
    pub last_used: Option<Timestamp>,
    /// Its own rate limits, in the words of the setting.
    pub rate_limits: Option<String>,
}

impl Store {
    /// Stores a key.
    ///
    /// # Errors
    ///
    /// [`super::StoreErrorKind::ForeignKeyViolation`] when there is no such GPT, and
    /// [`super::StoreErrorKind::UniqueViolation`] when the hash or the id is taken.
    pub async fn create_key(&self, key: NewKey) -> Result<(), StoreError> {
        let row = api_keys::ActiveModel {
            token_hash: Set(key.token_hash.to_vec()),
            id: Set(key.id),
            gpt_id: Set(key.gpt_id.map(|id| id.to_string())),
            name: Set(key.name),
            scopes: Set(key.scopes),
            created_at: Set(key.created_at),
            expires_at: Set(key.expires_at),
            revoked_at: Set(None),
            last_used: Set(None),
            rate_limits: Set(key.rate_limits),
        };
        api_keys::Entity::insert(row)
            .exec_without_returning(self.database().writes())
            .await?;
        Ok(())
    }

    /// The key with this hash, whether or not it still works.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn find_key(&self, token_hash: &[u8; 32]) -> Result<Option<KeyRow>, StoreError> {
        let hash = api_keys::Column::TokenHash.eq(token_hash.to_vec());
        let found = api_keys::Entity::find().filter(hash);
        let row = found.one(self.database().reads()).await?;
        row.map(KeyRow::try_from).transpose()
    }

    /// The key with this public id.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_key(&self, id: &str) -> Result<Option<KeyRow>, StoreError> {
        let found = api_keys::Entity::find_by_id(id);
        let row = found.one(self.database().reads()).await?;
        row.map(KeyRow::try_from).transpose()
    }

    /// Up to `limit` keys of one GPT, or of all, those behind the key `after`. Ids begin with the
    /// time at which they were made, so the oldest come first.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_keys(
        &self,
        gpt_id: Option<&GptId>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeyRow>, StoreError> {
        let mut found = api_keys::Entity::find()
            .filter(api_keys::COLUMN.id.gt(after.unwrap_or_default()))
            .order_by_asc(api_keys::COLUMN.id)
            .limit(u64::from(limit));
        if let Some(gpt_id) = gpt_id {
            found = found.filter(api_keys::COLUMN.gpt_id.eq(gpt_id.as_str()));
        }
        let rows = found.all(self.database().reads()).await?;
        rows.into_iter().map(KeyRow::try_from).collect()
    }

    /// Revokes the key with this public id, ends the sessions that it stands behind, and returns it;
    /// a key revoked before keeps its time.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn revoke_key(&self, id: &str, at: Timestamp) -> Result<Option<KeyRow>, StoreError> {
        let mut retry = Retry::default();
        loop {
            let result = self.try_revoke_key(id, at).await;
            if !retry.again(&result).await {
                result?;
                return self.get_key(id).await;
            }
        }
    }

    async fn try_revoke_key(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let revoke = self.statement(
            "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
            [id.into(), at.into()],
        );
        let end_sessions = self.statement(
            "UPDATE sessions SET ended_at = $2, end_reason = $3 \
             WHERE key_id = $1 AND ended_at IS NULL",
            [id.into(), at.into(), EndReason::KeyRevoked.as_str().into()],
        );
        let mut result = transaction.execute_raw(revoke).await;
        if result.is_ok() {
            result = transaction.execute_raw(end_sessions).await;
        }
        end(transaction, result.map(|_| ()).map_err(StoreError::from)).await
    }

    /// Changes the name and the rate limits of the key with this public id, where they are given,
    /// and returns it.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn update_key(
        &self,
        id: &str,
        name: Option<String>,
        rate_limits: Option<Option<String>>,
    ) -> Result<Option<KeyRow>, StoreError> {
        if name.is_some() || rate_limits.is_some() {
            let changed = api_keys::ActiveModel {
                name: name.map_or(NotSet, Set),
                rate_limits: rate_limits.map_or(NotSet, Set),
                ..Default::default()
            };
            api_keys::Entity::update_many()
                .set(changed)
                .filter(api_keys::COLUMN.id.eq(id))
                .exec(self.database().writes())
                .await?;
        }
        self.get_key(id).await
    }

    /// Sets when the key with this public id stops working, and returns it.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn set_key_expiry(
        &self,
        id: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<Option<KeyRow>, StoreError> {
        let expiring = api_keys::ActiveModel {
            expires_at: Set(expires_at),
            ..Default::default()
        };
        api_keys::Entity::update_many()
            .set(expiring)
            .filter(api_keys::COLUMN.id.eq(id))
            .exec(self.database().writes())
            .await?;
        self.get_key(id).await
    }

    /// Notes when keys were used, in one statement; a later time that is there already stays.
    /// Hashes that are unknown, or named more than once, do no harm.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn touch_keys(&self, uses: &[([u8; 32], Timestamp)]) -> Result<(), StoreError> {
        let mut latest = BTreeMap::new();
        for (hash, at) in uses {
            let known = latest.entry(*hash).or_insert(*at);
            *known = (*known).max(*at);
        }
        if latest.is_empty() {
            return Ok(());
        }
        let mut retry = Retry::default();
        loop {
            let result = self.try_touch_keys(&latest).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn try_touch_keys(
        &self,
        latest: &BTreeMap<[u8; 32], Timestamp>,
    ) -> Result<(), StoreError> {
        let statement = match self.backend() {
            Backend::Postgres => self.touch_on_postgres(latest),
            Backend::Sqlite => self.touch_on_sqlite(latest),
        };
        self.database().writes().execute_raw(statement).await?;
        Ok(())
    }

    fn touch_on_postgres(&self, latest: &BTreeMap<[u8; 32], Timestamp>) -> Statement {
        let hashes: Vec<Vec<u8>> = latest.keys().map(|hash| hash.to_vec()).collect();
        let times: Vec<DateTime<Utc>> = latest.values().map(|at| (*at).into()).collect();
        self.statement(
            "UPDATE api_keys k SET last_used = greatest(k.last_used, u.at) \
             FROM unnest($1::bytea[], $2::timestamptz[]) AS u (token_hash, at) \
             WHERE k.token_hash = u.token_hash",
            [hashes.into(), times.into()],
        )
    }

    /// SQLite has no arrays; its `VALUES` names its columns `column1` and `column2`.
    fn touch_on_sqlite(&self, latest: &BTreeMap<[u8; 32], Timestamp>) -> Statement {
        let rows = vec!["(?, ?)"; latest.len()].join(", ");
        let values = latest
            .iter()
            .flat_map(|(hash, at)| [Value::from(hash.to_vec()), Value::from(*at)]);
        Statement::from_sql_and_values(
            DbBackend::Sqlite,
            format!(
                "UPDATE api_keys SET last_used = max(coalesce(last_used, ''), u.column2) \
                 FROM (VALUES {rows}) AS u WHERE token_hash = u.column1"
            ),
            values,
        )
    }
}

impl TryFrom<api_keys::Model> for KeyRow {
    type Error = StoreError;

    fn try_from(row: api_keys::Model) -> Result<Self, StoreError> {
        let gpt_id = row.gpt_id.map(|id| id.parse()).transpose();
        Ok(Self {
            id: row.id,
            gpt_id: gpt_id.map_err(StoreError::bug)?,
            name: row.name,
            scopes: row.scopes,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used: row.last_used,
            rate_limits: row.rate_limits,
        })
    }
}
