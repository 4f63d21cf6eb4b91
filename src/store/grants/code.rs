//! Authorization codes: what a person's consent becomes, until the application fetches its tokens.

use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, QuerySelect, Set};
use uuid::Uuid;

use super::open::NewSession;
use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::entity::authorization_codes;
use crate::store::sessions::{EndReason, SessionGrant};
use crate::store::transaction::{Retry, end};
use crate::store::{Store, StoreError, WriteError};

/// An authorization code as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCodeRow {
    /// SHA-256 of the code.
    pub code_hash: [u8; 32],
    /// The application that asked.
    pub application_id: Uuid,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// The S256 challenge that came with the request (RFC 7636).
    pub code_challenge: Option<String>,
    /// What was granted, separated by blanks.
    pub scopes: String,
    /// The public id of the key with which a person consented.
    pub key_id: String,
    /// The resource that was asked for (RFC 8707).
    pub resource: Option<String>,
    /// When the person consented.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was exchanged.
    pub used_at: Option<Timestamp>,
    /// The session that it was exchanged for.
    pub session_id: Option<Uuid>,
}

/// What became of a code that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeExchange {
    /// It was exchanged for this session.
    Opened(Box<SessionGrant>),
    /// There is no such code.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was exchanged before, and its session, if it is still there, is ended now.
    Reused(Option<Uuid>),
    /// The application, or the key behind the code, is no longer good.
    Over,
}

impl Store {
    /// Stores a code.
    ///
    /// # Errors
    ///
    /// [`crate::store::StoreErrorKind::ForeignKeyViolation`] when there is no such application;
    /// what the database reports.
    pub async fn insert_authorization_code(
        &self,
        tenant: &Tenant,
        new: &AuthorizationCodeRow,
    ) -> Result<(), StoreError> {
        let row = authorization_codes::ActiveModel {
            gpt_id: Set(tenant.gpt_id().to_string()),
            code_hash: Set(new.code_hash.to_vec()),
            application_id: Set(new.application_id),
            redirect_uri: Set(new.redirect_uri.clone()),
            code_challenge: Set(new.code_challenge.clone()),
            scopes: Set(new.scopes.clone()),
            key_id: Set(new.key_id.clone()),
            resource: Set(new.resource.clone()),
            created_at: Set(new.created_at),
            expires_at: Set(new.expires_at),
            used_at: Set(new.used_at),
            session_id: Set(new.session_id),
        };
        authorization_codes::Entity::insert(row)
            .exec_without_returning(self.database().writes())
            .await?;
        Ok(())
    }

    /// Takes a code, once, and opens the session that `open` makes of it.
    ///
    /// `open` sees the code under a lock, and first of all: who shows a code of somebody else must
    /// not be able to end a session with it.
    ///
    /// # Errors
    ///
    /// What `open` refuses, which leaves the code as it is; what the database reports.
    pub async fn take_authorization_code<E>(
        &self,
        tenant: &Tenant,
        code_hash: &[u8; 32],
        now: Timestamp,
        open: impl Fn(&AuthorizationCodeRow) -> Result<NewSession, E>,
    ) -> Result<CodeExchange, WriteError<E>> {
        let mut retry = Retry::default();
        loop {
            let transaction = self.begin().await?;
            let result = self
                .take_code_within(&transaction, tenant, code_hash, now, &open)
                .await;
            let result = end(transaction, result).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn take_code_within<E>(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        code_hash: &[u8; 32],
        now: Timestamp,
        open: impl Fn(&AuthorizationCodeRow) -> Result<NewSession, E>,
    ) -> Result<CodeExchange, WriteError<E>> {
        let Some(code) = lock_code(transaction, tenant, code_hash).await? else {
            return Ok(CodeExchange::Unknown);
        };
        let new = open(&code).map_err(WriteError::Refused)?;
        if code.used_at.is_some() {
            self.end_reused(transaction, tenant, code.session_id, now)
                .await?;
            return Ok(CodeExchange::Reused(code.session_id));
        }
        if code.expires_at <= now {
            return Ok(CodeExchange::Expired);
        }
        let Some(grant) = self.open_session_within(transaction, tenant, &new).await? else {
            return Ok(CodeExchange::Over);
        };
        self.mark_used(transaction, tenant, code_hash, new.id, now)
            .await?;
        Ok(CodeExchange::Opened(Box::new(grant)))
    }

    async fn end_reused(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        session: Option<Uuid>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(session) = session else {
            return Ok(());
        };
        self.end_session_within(transaction, tenant, session, EndReason::CodeReuse, now)
            .await
    }

    async fn mark_used(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        code_hash: &[u8; 32],
        session: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mark = self.statement(
            "UPDATE authorization_codes SET used_at = $3, session_id = $4 \
             WHERE gpt_id = $1 AND code_hash = $2",
            [
                tenant.gpt_id().into(),
                code_hash.to_vec().into(),
                now.into(),
                session.into(),
            ],
        );
        transaction.execute_raw(mark).await?;
        Ok(())
    }
}

/// The code, locked: of two that show it at once, one sees that it was used.
async fn lock_code(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    code_hash: &[u8; 32],
) -> Result<Option<AuthorizationCodeRow>, StoreError> {
    let id = (tenant.gpt_id().to_string(), code_hash.to_vec());
    let found = authorization_codes::Entity::find_by_id(id).lock_exclusive();
    let row = found.one(transaction).await?;
    row.map(AuthorizationCodeRow::try_from).transpose()
}

impl TryFrom<authorization_codes::Model> for AuthorizationCodeRow {
    type Error = StoreError;

    fn try_from(row: authorization_codes::Model) -> Result<Self, StoreError> {
        let code_hash = row.code_hash.try_into();
        Ok(Self {
            code_hash: code_hash.map_err(|_| StoreError::bug("a hash of another length"))?,
            application_id: row.application_id,
            redirect_uri: row.redirect_uri,
            code_challenge: row.code_challenge,
            scopes: row.scopes,
            key_id: row.key_id,
            resource: row.resource,
            created_at: row.created_at,
            expires_at: row.expires_at,
            used_at: row.used_at,
            session_id: row.session_id,
        })
    }
}
