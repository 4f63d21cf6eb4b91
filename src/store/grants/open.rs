//! How a session is opened.

use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, Set};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::entity::{refresh_tokens, sessions};
use crate::store::sessions::{GrantType, SessionGrant, find_session};
use crate::store::transaction::{Retry, end};
use crate::store::{Store, StoreError};

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// UUID v7.
    pub id: Uuid,
    /// The application that may act.
    pub application_id: Uuid,
    /// How it begins.
    pub grant_type: GrantType,
    /// The public id of the key with which a person consented.
    pub key_id: Option<String>,
    /// What is granted, separated by blanks.
    pub scopes: String,
    /// When it begins.
    pub created_at: Timestamp,
    /// When it is over, unless it is renewed.
    pub expires_at: Timestamp,
    /// Its first refresh token, if it gets any.
    pub refresh_token: Option<NewRefreshToken>,
}

/// A refresh token to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewRefreshToken {
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl Store {
    /// Opens a session. `None` when the application, or the key behind the session, is no longer
    /// good.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn open_session(
        &self,
        tenant: &Tenant,
        new: &NewSession,
    ) -> Result<Option<SessionGrant>, StoreError> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let result = self.open_session_within(&transaction, tenant, new).await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    pub(super) async fn open_session_within(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        new: &NewSession,
    ) -> Result<Option<SessionGrant>, StoreError> {
        if !self.may_open(transaction, tenant, new).await? {
            return Ok(None);
        }
        let row = sessions::ActiveModel {
            gpt_id: Set(tenant.gpt_id().to_string()),
            id: Set(new.id),
            application_id: Set(new.application_id),
            grant_type: Set(new.grant_type.as_str().to_owned()),
            key_id: Set(new.key_id.clone()),
            scopes: Set(new.scopes.clone()),
            created_at: Set(new.created_at),
            last_activity: Set(new.created_at),
            expires_at: Set(new.expires_at),
            ended_at: Set(None),
            end_reason: Set(None),
        };
        sessions::Entity::insert(row)
            .exec_without_returning(transaction)
            .await?;
        if let Some(token) = &new.refresh_token {
            insert_refresh_token(transaction, tenant, new.id, token, new.created_at).await?;
        }
        find_session(transaction, tenant, new.id).await
    }

    /// Locks the application against its revocation, which ends the sessions that it then sees.
    async fn may_open(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        new: &NewSession,
    ) -> Result<bool, StoreError> {
        let lock = self.locking(" FOR SHARE OF a");
        let find = self.statement(
            format!(
                "SELECT a.id FROM applications a \
                 WHERE a.gpt_id = $1 AND a.id = $2 AND a.revoked_at IS NULL \
                 AND (CAST($3 AS text) IS NULL OR EXISTS (SELECT 1 FROM api_keys k \
                 WHERE k.id = $3 AND k.gpt_id = $1 AND k.revoked_at IS NULL \
                 AND (k.expires_at IS NULL OR k.expires_at > $4))){lock}"
            ),
            [
                tenant.gpt_id().into(),
                new.application_id.into(),
                new.key_id.clone().into(),
                new.created_at.into(),
            ],
        );
        Ok(transaction.query_one_raw(find).await?.is_some())
    }
}

pub(super) async fn insert_refresh_token(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    session: Uuid,
    token: &NewRefreshToken,
    at: Timestamp,
) -> Result<(), StoreError> {
    let row = refresh_tokens::ActiveModel {
        gpt_id: Set(tenant.gpt_id().to_string()),
        token_hash: Set(token.token_hash.to_vec()),
        session_id: Set(session),
        created_at: Set(at),
        expires_at: Set(token.expires_at),
        used_at: Set(None),
    };
    refresh_tokens::Entity::insert(row)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
