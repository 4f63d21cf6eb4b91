//! Sessions: what an application was once allowed, and whether it still is.

mod rows;

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, JoinType, Query, SelectStatement};
use uuid::Uuid;

use super::entity::{api_keys, applications, sessions};
use super::keyset::{Keyset, seek};
use super::touch::{Touched, Uses};
use super::{Store, StoreError};
use crate::clock::Timestamp;
use crate::ids::{GptId, Tenant};

pub use rows::{EndReason, GrantType, SessionGrant, SessionKey, SessionRow};

/// Which sessions.
#[derive(Clone, Debug)]
pub struct SessionQuery {
    /// Those of this GPT.
    pub gpt_id: Option<GptId>,
    /// Those of the application with this client id.
    pub client_id: Option<String>,
    /// Those that had neither ended nor expired at this moment.
    pub alive_at: Option<Timestamp>,
    /// Which page of them.
    pub page: Keyset,
}

impl Store {
    /// A session with all that decides about its tokens, in one look.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn find_session(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<Option<SessionGrant>, StoreError> {
        find_session(self.database().reads(), tenant, id).await
    }

    /// Whose the session with this id is: the operator names no GPT.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn gpt_of_session(&self, id: Uuid) -> Result<Option<GptId>, StoreError> {
        let mut select = Query::select();
        select
            .column(sessions::Column::GptId)
            .from(sessions::Entity)
            .and_where(of(sessions::Column::Id).eq(id));
        let row = self.database().reads().query_one(&select).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
    }

    /// A page of sessions, and whether there are more.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_sessions(
        &self,
        query: &SessionQuery,
    ) -> Result<(Vec<SessionRow>, bool), StoreError> {
        let limit = query.page.limit as usize;
        let mut select = select_sessions();
        if let Some(gpt_id) = &query.gpt_id {
            select.and_where(of(sessions::Column::GptId).eq(gpt_id.as_str()));
        }
        if let Some(client_id) = &query.client_id {
            let column = (applications::Entity, applications::Column::ClientId);
            select.and_where(Expr::col(column).eq(client_id.as_str()));
        }
        if let Some(moment) = query.alive_at {
            select.and_where(of(sessions::Column::EndedAt).is_null());
            select.and_where(of(sessions::Column::ExpiresAt).gt(moment));
        }
        let columns = (
            (sessions::Entity, sessions::Column::CreatedAt),
            (sessions::Entity, sessions::Column::Id),
        );
        seek(&mut select, columns, query.page.after, query.page.ascending);
        select.limit(u64::from(query.page.limit) + 1);
        let rows = self.database().reads().query_all(&select).await?;
        let rows = rows.iter().map(SessionRow::read);
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok((rows, more))
    }

    /// Ends a session and returns it; one that ended before keeps its time and reason.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn end_session(
        &self,
        tenant: &Tenant,
        id: Uuid,
        reason: EndReason,
        at: Timestamp,
    ) -> Result<Option<SessionRow>, StoreError> {
        let database = self.database().writes();
        self.end_session_within(database, tenant, id, reason, at)
            .await?;
        let found = find_session(database, tenant, id).await?;
        Ok(found.map(|grant| grant.session))
    }

    /// Notes when sessions were used, in one statement; a later time that is there already stays,
    /// and what is unknown does no harm.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn touch_sessions(&self, uses: &Uses) -> Result<(), StoreError> {
        self.touch(Touched::Sessions, uses).await
    }

    pub(super) async fn end_session_within(
        &self,
        connection: &impl ConnectionTrait,
        tenant: &Tenant,
        id: Uuid,
        reason: EndReason,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let end = self.statement(
            "UPDATE sessions SET ended_at = $3, end_reason = $4 \
             WHERE gpt_id = $1 AND id = $2 AND ended_at IS NULL",
            [
                tenant.gpt_id().into(),
                id.into(),
                at.into(),
                reason.as_str().into(),
            ],
        );
        connection.execute_raw(end).await?;
        Ok(())
    }
}

/// A session with all that decides about its tokens.
pub(super) async fn find_session(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    id: Uuid,
) -> Result<Option<SessionGrant>, StoreError> {
    let mut select = select_sessions();
    let application = |column| (applications::Entity, column);
    let key = |column| (api_keys::Entity, column);
    let is_key = Expr::col(key(api_keys::Column::Id)).equals(session(sessions::Column::KeyId));
    let is_of_gpt =
        Expr::col(key(api_keys::Column::GptId)).equals(session(sessions::Column::GptId));
    select
        .columns([
            application(applications::Column::Scopes),
            application(applications::Column::Collections),
            application(applications::Column::RateLimits),
            application(applications::Column::RevokedAt),
        ])
        .columns([
            key(api_keys::Column::Scopes),
            key(api_keys::Column::ExpiresAt),
            key(api_keys::Column::RevokedAt),
        ])
        .join(JoinType::LeftJoin, api_keys::Entity, is_key.and(is_of_gpt))
        .and_where(of(sessions::Column::GptId).eq(tenant.gpt_id().as_str()))
        .and_where(of(sessions::Column::Id).eq(id));
    let row = connection.query_one(&select).await?;
    row.map(|row| SessionGrant::read(&row)).transpose()
}

/// The columns that [`SessionRow::read`] expects.
fn select_sessions() -> SelectStatement {
    let client = (applications::Entity, applications::Column::ClientId);
    let application = |column| Expr::col((applications::Entity, column));
    let is_application =
        application(applications::Column::Id).equals(session(sessions::Column::ApplicationId));
    let is_of_gpt =
        application(applications::Column::GptId).equals(session(sessions::Column::GptId));
    let mut select = Query::select();
    select
        .columns(rows::COLUMNS.map(session))
        .column(client)
        .from(sessions::Entity)
        .join(
            JoinType::InnerJoin,
            applications::Entity,
            is_application.and(is_of_gpt),
        );
    select
}

fn session(column: sessions::Column) -> (sessions::Entity, sessions::Column) {
    (sessions::Entity, column)
}

fn of(column: sessions::Column) -> Expr {
    Expr::col(session(column))
}
