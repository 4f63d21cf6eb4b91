//! Refresh tokens: each renews its session once, and is then followed by another.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
};

use super::open::{NewRefreshToken, insert_refresh_token};
use crate::clock::Timestamp;
use crate::ids::{GptId, Tenant};
use crate::store::entity::refresh_tokens;
use crate::store::sessions::{EndReason, SessionGrant, find_session};
use crate::store::transaction::{Retry, end};
use crate::store::{Store, StoreError, WriteError};

/// A refresh token as the database has it, with its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshTokenRow {
    /// The session that it renews.
    pub grant: SessionGrant,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// What became of a refresh token that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshExchange {
    /// It was exchanged, and its session renewed.
    Renewed(Box<SessionGrant>),
    /// There is no such token.
    Unknown,
    /// Its time is over, or that of its session, or the application or the key behind it is no
    /// longer good.
    Over,
    /// It was used before, and its session is ended now.
    Reused(Box<SessionGrant>),
}

impl Store {
    /// The GPT for which the refresh token with this hash was issued: who looks at one need not know.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn find_refresh_token_gpt(
        &self,
        token_hash: &[u8; 32],
    ) -> Result<Option<GptId>, StoreError> {
        let hash = refresh_tokens::Column::TokenHash.eq(token_hash.to_vec());
        let found = refresh_tokens::Entity::find().filter(hash);
        let row = found.one(self.database().reads()).await?;
        let gpt_id = row.map(|row| row.gpt_id.parse()).transpose();
        gpt_id.map_err(StoreError::bug)
    }

    /// The refresh token with this hash, whether or not it still works.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn find_refresh_token(
        &self,
        tenant: &Tenant,
        token_hash: &[u8; 32],
    ) -> Result<Option<RefreshTokenRow>, StoreError> {
        let id = (tenant.gpt_id().to_string(), token_hash.to_vec());
        let found = refresh_tokens::Entity::find_by_id(id);
        let reads = self.database().reads();
        with_grant(reads, tenant, found.one(reads).await?).await
    }

    /// Takes a refresh token, once, and stores the one that `renew` makes for its session, which
    /// then lasts as long as that.
    ///
    /// `renew` sees the token under a lock, and first of all: who shows a token of somebody else
    /// must not be able to end a session with it.
    ///
    /// # Errors
    ///
    /// What `renew` refuses, which leaves the token as it is; what the database reports.
    pub async fn rotate_refresh_token<E>(
        &self,
        tenant: &Tenant,
        token_hash: &[u8; 32],
        now: Timestamp,
        renew: impl Fn(&RefreshTokenRow) -> Result<NewRefreshToken, E>,
    ) -> Result<RefreshExchange, WriteError<E>> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let result = self
                .rotate_within(&transaction, tenant, token_hash, now, &renew)
                .await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn rotate_within<E>(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        token_hash: &[u8; 32],
        now: Timestamp,
        renew: impl Fn(&RefreshTokenRow) -> Result<NewRefreshToken, E>,
    ) -> Result<RefreshExchange, WriteError<E>> {
        let Some(token) = lock_token(transaction, tenant, token_hash).await? else {
            return Ok(RefreshExchange::Unknown);
        };
        let next = renew(&token).map_err(WriteError::Refused)?;
        let session = token.grant.session.id;
        if token.used_at.is_some() {
            let reason = EndReason::RefreshTokenReuse;
            self.end_session_within(transaction, tenant, session, reason, now)
                .await?;
            return Ok(RefreshExchange::Reused(Box::new(token.grant)));
        }
        if token.expires_at <= now || !token.grant.is_alive(now) {
            return Ok(RefreshExchange::Over);
        }
        self.follow(transaction, tenant, token_hash, &token, &next, now)
            .await?;
        let renewed = find_session(transaction, tenant, session).await?;
        let renewed = renewed.ok_or_else(|| StoreError::bug("a session vanished"))?;
        Ok(RefreshExchange::Renewed(Box::new(renewed)))
    }

    /// Puts `next` in the place of `token`.
    async fn follow(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        token_hash: &[u8; 32],
        token: &RefreshTokenRow,
        next: &NewRefreshToken,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let session = token.grant.session.id;
        let mark = self.statement(
            "UPDATE refresh_tokens SET used_at = $3 WHERE gpt_id = $1 AND token_hash = $2",
            [
                tenant.gpt_id().into(),
                token_hash.to_vec().into(),
                now.into(),
            ],
        );
        transaction.execute_raw(mark).await?;
        insert_refresh_token(transaction, tenant, session, next, now).await?;
        let renew = self.statement(
            "UPDATE sessions SET last_activity = $3, expires_at = $4 \
             WHERE gpt_id = $1 AND id = $2",
            [
                tenant.gpt_id().into(),
                session.into(),
                now.into(),
                next.expires_at.into(),
            ],
        );
        transaction.execute_raw(renew).await?;
        Ok(())
    }
}

/// The token, locked: of two that show it at once, one sees that it was used.
async fn lock_token(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    token_hash: &[u8; 32],
) -> Result<Option<RefreshTokenRow>, StoreError> {
    let id = (tenant.gpt_id().to_string(), token_hash.to_vec());
    let found = refresh_tokens::Entity::find_by_id(id).lock_exclusive();
    with_grant(transaction, tenant, found.one(transaction).await?).await
}

async fn with_grant(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    row: Option<refresh_tokens::Model>,
) -> Result<Option<RefreshTokenRow>, StoreError> {
    let Some(row) = row else {
        return Ok(None);
    };
    let grant = find_session(connection, tenant, row.session_id).await?;
    Ok(grant.map(|grant| RefreshTokenRow {
        grant,
        created_at: row.created_at,
        expires_at: row.expires_at,
        used_at: row.used_at,
    }))
}
