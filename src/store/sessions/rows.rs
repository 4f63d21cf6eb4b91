//! Rows of sessions in this program's own types.

use sea_orm::{DbErr, QueryResult, TryGetable};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::{CollectionName, GptId};
use crate::store::StoreError;
use crate::store::applications::names_from_json;
use crate::store::entity::sessions::Column;

/// A session as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// UUID v7, unique within the GPT.
    pub id: Uuid,
    /// The GPT for which it was opened.
    pub gpt_id: GptId,
    /// The application that may act.
    pub application_id: Uuid,
    /// The name by which that application asks for tokens.
    pub client_id: String,
    /// How it began.
    pub grant_type: GrantType,
    /// The public id of the key with which a person consented.
    pub key_id: Option<String>,
    /// What was granted, separated by blanks.
    pub scopes: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When its tokens were used or renewed last, to within the interval of
    /// [`super::Store::touch_sessions`].
    pub last_activity: Timestamp,
    /// When it is over, unless it is renewed.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// Why it was ended.
    pub end_reason: Option<EndReason>,
}

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// A person consented.
    AuthorizationCode,
    /// The application acts for itself.
    ClientCredentials,
}

/// Why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The operator ended it.
    Operator,
    /// The application gave a token back.
    TokenRevoked,
    /// Its authorization code came a second time.
    CodeReuse,
    /// A refresh token came a second time.
    RefreshTokenReuse,
    /// The application was revoked.
    ApplicationRevoked,
    /// The key with which a person consented was revoked.
    KeyRevoked,
}

/// A session, and what else decides about its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionGrant {
    /// The session.
    pub session: SessionRow,
    /// The most that the application may be granted today, separated by blanks.
    pub application_scopes: String,
    /// The only collections that the application may see today; all when there is none of these
    /// lists.
    pub collections: Option<Vec<CollectionName>>,
    /// The application's own rate limits, in the words of the setting.
    pub rate_limits: Option<String>,
    /// When the application was revoked.
    pub application_revoked_at: Option<Timestamp>,
    /// The key with which a person consented, if there was one and it is still there.
    pub key: Option<SessionKey>,
}

/// The key that stands behind a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// What it may do, separated by blanks.
    pub scopes: String,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl SessionGrant {
    /// Whether the session, its application and the key behind it are all good at `now`.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        let session = &self.session;
        let is_open = session.ended_at.is_none() && session.expires_at > now;
        let key_is_good = match (&session.key_id, &self.key) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(key)) => {
                key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > now)
            }
        };
        is_open && self.application_revoked_at.is_none() && key_is_good
    }

    pub(super) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let first = COLUMNS.len() + 1;
        let collections: Option<String> = column(row, first + 1)?;
        let key_scopes: Option<String> = column(row, first + 4)?;
        let (key_expires_at, key_revoked_at) = (column(row, first + 5)?, column(row, first + 6)?);
        Ok(Self {
            session: SessionRow::read(row)?,
            application_scopes: column(row, first)?,
            collections: collections.as_deref().map(names_from_json).transpose()?,
            rate_limits: column(row, first + 2)?,
            application_revoked_at: column(row, first + 3)?,
            key: key_scopes.map(|scopes| SessionKey {
                scopes,
                expires_at: key_expires_at,
                revoked_at: key_revoked_at,
            }),
        })
    }
}

/// The columns of the table that [`SessionRow::read`] expects before the client id.
pub(super) const COLUMNS: [Column; 11] = [
    Column::Id,
    Column::GptId,
    Column::ApplicationId,
    Column::GrantType,
    Column::KeyId,
    Column::Scopes,
    Column::CreatedAt,
    Column::LastActivity,
    Column::ExpiresAt,
    Column::EndedAt,
    Column::EndReason,
];

impl SessionRow {
    pub(super) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let grant_type: String = column(row, 3)?;
        let end_reason: Option<String> = column(row, 10)?;
        Ok(Self {
            id: column(row, 0)?,
            gpt_id: column(row, 1)?,
            application_id: column(row, 2)?,
            grant_type: GrantType::parse(&grant_type)?,
            key_id: column(row, 4)?,
            scopes: column(row, 5)?,
            created_at: column(row, 6)?,
            last_activity: column(row, 7)?,
            expires_at: column(row, 8)?,
            ended_at: column(row, 9)?,
            end_reason: end_reason.as_deref().map(EndReason::parse).transpose()?,
            client_id: column(row, COLUMNS.len())?,
        })
    }
}

impl GrantType {
    /// The grant as the database and RFC 6749 spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let all = [Self::AuthorizationCode, Self::ClientCredentials];
        let found = all.into_iter().find(|grant| grant.as_str() == text);
        found.ok_or_else(|| StoreError::bug("a session has an unknown grant"))
    }
}

impl EndReason {
    /// The reason as the database has it and the operator reads it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "ended by operator",
            Self::TokenRevoked => "token revoked",
            Self::CodeReuse => "code reuse",
            Self::RefreshTokenReuse => "refresh token reuse",
            Self::ApplicationRevoked => "application revoked",
            Self::KeyRevoked => "key revoked",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let all = [
            Self::Operator,
            Self::TokenRevoked,
            Self::CodeReuse,
            Self::RefreshTokenReuse,
            Self::ApplicationRevoked,
            Self::KeyRevoked,
        ];
        let found = all.into_iter().find(|reason| reason.as_str() == text);
        found.ok_or_else(|| StoreError::bug("a session ended for an unknown reason"))
    }
}

fn column<T: TryGetable>(row: &QueryResult, index: usize) -> Result<T, DbErr> {
    row.try_get_by_index(index)
}
