//! The operations on sessions of applications, and on the keys that sign their tokens.

use uuid::Uuid;

use super::generated::defaults;
use super::generated::operations::{
    EndSessionParams, EndSessionReply, ListSessionsParams, ListSessionsReply,
    ListSigningKeysParams, ListSigningKeysReply, RotateSigningKeyParams, RotateSigningKeyReply,
    SessionsHandlers, SigningKeysHandlers,
};
use super::generated::types;
use super::gpts::gpt_id;
use super::keys::each_scope;
use super::lists::page_limit;
use crate::api::Handlers;
use crate::api::problem::Problem;
use crate::auth::Operator;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::service::{Keyset, Rows, SessionQuery, SessionRow, SigningKeyRow};

/// The algorithm of all signing keys (RFC 7518, 3.4).
const ALGORITHM: &str = "ES256";

impl SessionsHandlers for Handlers {
    async fn list_sessions(
        &self,
        _operator: Operator,
        request: ListSessionsParams,
    ) -> Result<ListSessionsReply, Problem> {
        let alive = request.alive.unwrap_or(false);
        let list = self.filtered(
            "list_sessions",
            &[
                request.gpt_id.as_deref(),
                request.application.as_deref(),
                alive.then_some("alive"),
            ],
        );
        let after: Option<(Timestamp, Uuid)> = list.after(request.cursor.as_deref())?;
        let of_gpt = request.gpt_id.as_deref();
        let query = SessionQuery {
            gpt_id: of_gpt.map(|id| gpt_id("gpt_id", id)).transpose()?,
            client_id: request.application.clone(),
            alive_at: alive.then(Timestamp::now),
            page: Keyset {
                after,
                ascending: false,
                limit: page_limit(request.limit, defaults::LIST_SESSIONS_LIMIT),
            },
        };
        let (items, has_more) = self.service.list_sessions(&query).await?;
        let rows = Rows { items, has_more };
        let next_cursor = list.next(&rows, |row| (row.created_at, row.id));
        Ok(ListSessionsReply::Ok {
            body: types::SessionPage {
                has_more: rows.has_more,
                items: rows.items.into_iter().map(Into::into).collect(),
                next_cursor,
            },
        })
    }

    async fn end_session(
        &self,
        _operator: Operator,
        request: EndSessionParams,
    ) -> Result<EndSessionReply, Problem> {
        let ended = self.service.end_session(request.session_id).await?;
        let body = ended.ok_or(Error::SessionNotFound)?.into();
        Ok(EndSessionReply::Ok { body })
    }
}

impl SigningKeysHandlers for Handlers {
    async fn rotate_signing_key(
        &self,
        _operator: Operator,
        _request: RotateSigningKeyParams,
    ) -> Result<RotateSigningKeyReply, Problem> {
        let id = self.service.rotate_signing_key().await?;
        let keys = self.service.list_signing_keys().await?;
        let made = keys.into_iter().find(|key| key.id == id);
        let gone = || Error::Internal("the new signing key is not there".into());
        let body = made.ok_or_else(gone)?.into();
        Ok(RotateSigningKeyReply::Created { body })
    }

    async fn list_signing_keys(
        &self,
        _operator: Operator,
        _request: ListSigningKeysParams,
    ) -> Result<ListSigningKeysReply, Problem> {
        let oldest_first = self.service.list_signing_keys().await?;
        let items = oldest_first.into_iter().rev().map(Into::into).collect();
        Ok(ListSigningKeysReply::Ok {
            body: types::SigningKeyList { items },
        })
    }
}

impl From<SessionRow> for types::Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            gpt_id: row.gpt_id.to_string(),
            application: row.client_id,
            grant_type: row.grant_type.as_str().to_owned(),
            key_id: row.key_id,
            scopes: each_scope(&row.scopes),
            created_at: row.created_at,
            last_activity: row.last_activity,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            end_reason: row.end_reason.map(|reason| reason.as_str().to_owned()),
        }
    }
}

impl From<SigningKeyRow> for types::SigningKey {
    fn from(row: SigningKeyRow) -> Self {
        Self {
            id: row.id,
            algorithm: ALGORITHM.to_owned(),
            created_at: row.created_at,
            retires_at: row.retires_at,
        }
    }
}
