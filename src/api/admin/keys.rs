//! The operations on API keys.

use super::generated::defaults;
use super::generated::operations::{
    CreateKeyParams, CreateKeyReply, GetKeyParams, GetKeyReply, KeysHandlers, ListKeysParams,
    ListKeysReply, RevokeKeyParams, RevokeKeyReply, UpdateKeyParams, UpdateKeyReply,
};
use super::generated::types;
use super::gpts::gpt_id;
use super::lists::page_limit;
use crate::api::Handlers;
use crate::api::problem::Problem;
use crate::auth::{Operator, Scopes};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::GptId;
use crate::limits::RateLimits;
use crate::service::{IssuedKey, KeyRequest, KeyRow};

impl KeysHandlers for Handlers {
    async fn create_key(
        &self,
        _operator: Operator,
        request: CreateKeyParams,
    ) -> Result<CreateKeyReply, Problem> {
        let request = key_request(request.body)?;
        let issued = self.service.issue_key(request).await;
        let issued = issued.map_err(|error| error.under("/"))?;
        let issued = issued.ok_or(Error::GptNotFound)?;
        Ok(CreateKeyReply::Created {
            location: format!("/admin/v1/keys/{}", issued.row.id),
            body: issued.into(),
        })
    }

    async fn list_keys(
        &self,
        _operator: Operator,
        request: ListKeysParams,
    ) -> Result<ListKeysReply, Problem> {
        let list = self.filtered("list_keys", &[request.gpt_id.as_deref()]);
        let after: Option<String> = list.after(request.cursor.as_deref())?;
        let of_gpt = request.gpt_id.as_deref();
        let of_gpt = of_gpt.map(|id| gpt_id("gpt_id", id)).transpose()?;
        let limit = page_limit(request.limit, defaults::LIST_KEYS_LIMIT);
        let rows = self
            .service
            .list_keys(of_gpt.as_ref(), after.as_deref(), limit)
            .await?;
        let next_cursor = list.next(&rows, |row| row.id.clone());
        Ok(ListKeysReply::Ok {
            body: types::KeyPage {
                has_more: rows.has_more,
                items: rows.items.into_iter().map(Into::into).collect(),
                next_cursor,
            },
        })
    }

    async fn get_key(
        &self,
        _operator: Operator,
        request: GetKeyParams,
    ) -> Result<GetKeyReply, Problem> {
        let body = self.service.get_key(&request.key_id).await?.into();
        Ok(GetKeyReply::Ok { body })
    }

    async fn update_key(
        &self,
        _operator: Operator,
        request: UpdateKeyParams,
    ) -> Result<UpdateKeyReply, Problem> {
        let limits = request.body.rate_limits.as_deref().map(or_general);
        let updated = self
            .service
            .update_key(&request.key_id, request.body.name, limits.transpose()?)
            .await;
        let body = updated.map_err(|error| error.under("/"))?.into();
        Ok(UpdateKeyReply::Ok { body })
    }

    async fn revoke_key(
        &self,
        _operator: Operator,
        request: RevokeKeyParams,
    ) -> Result<RevokeKeyReply, Problem> {
        let revoked = self.service.revoke_key(&request.key_id).await?;
        let body = revoked.ok_or(Error::KeyNotFound)?.into();
        Ok(RevokeKeyReply::Ok { body })
    }
}

fn key_request(body: types::CreateKeyRequest) -> Result<KeyRequest, Error> {
    let gpt_id = owner(&body)?;
    if body.expires_at.is_some_and(|end| end <= Timestamp::now()) {
        return Err(Error::invalid("/expires_at", "must be in the future"));
    }
    Ok(KeyRequest {
        scopes: match (&gpt_id, body.scopes) {
            (Some(_), Some(scopes)) => granted(&scopes)?,
            (Some(_), None) => Scopes::of_a_gpt(),
            (None, None) => Scopes::of_an_operator(),
            (None, Some(_)) => {
                let detail = "an operator has the scope admin alone: leave them out";
                return Err(Error::invalid("/scopes", detail));
            }
        },
        gpt_id,
        name: body.name.unwrap_or_default(),
        expires_at: body.expires_at,
        rate_limits: body.rate_limits.as_deref().map(rate_limits).transpose()?,
    })
}

/// The GPT whose key it will be; `None` for an operator's, which must be asked for in so many words.
fn owner(body: &types::CreateKeyRequest) -> Result<Option<GptId>, Error> {
    match (&body.gpt_id, body.operator.unwrap_or(false)) {
        (Some(id), false) => gpt_id("/gpt_id", id).map(Some),
        (None, true) => Ok(None),
        (Some(_), true) => Err(Error::invalid(
            "/operator",
            "a key is a GPT's or an operator's: send gpt_id or operator, not both",
        )),
        (None, false) => Err(Error::invalid(
            "/gpt_id",
            "is missing: say whose key it is, or send operator for an operator's",
        )),
    }
}

/// The scopes of a request, which the contract's enum has already let through.
pub(super) fn granted(scopes: &[types::GptScope]) -> Result<Scopes, Error> {
    let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    let scopes = names.join(" ").parse();
    scopes.map_err(|error: crate::auth::UnknownScope| Error::invalid("/scopes", error.to_string()))
}

/// Limits of one caller's own.
pub(super) fn rate_limits(text: &str) -> Result<RateLimits, Error> {
    let invalid = |detail: String| Error::invalid("/rate_limits", detail);
    let limits: RateLimits = text
        .parse()
        .map_err(|error| invalid(format!("cannot be read: {error}")))?;
    limits
        .of_a_key()
        .map_err(|error| invalid(error.to_string()))
}

/// The same, or `None` for an empty text.
pub(super) fn or_general(text: &str) -> Result<Option<RateLimits>, Error> {
    match text {
        "" => Ok(None),
        text => rate_limits(text).map(Some),
    }
}

/// Scopes as they are kept, one by one.
pub(super) fn each_scope(scopes: &str) -> Vec<String> {
    scopes.split_whitespace().map(str::to_owned).collect()
}

impl From<KeyRow> for types::Key {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            gpt_id: row.gpt_id.map(|id| id.to_string()),
            name: row.name,
            scopes: each_scope(&row.scopes),
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used: row.last_used,
            rate_limits: row.rate_limits,
        }
    }
}

impl From<IssuedKey> for types::IssuedKey {
    fn from(issued: IssuedKey) -> Self {
        let shown = types::Key::from(issued.row);
        Self {
            id: shown.id,
            key: issued.key.reveal().to_owned(),
            gpt_id: shown.gpt_id,
            name: shown.name,
            scopes: shown.scopes,
            created_at: shown.created_at,
            expires_at: shown.expires_at,
            revoked_at: shown.revoked_at,
            last_used: shown.last_used,
            rate_limits: shown.rate_limits,
        }
    }
}
