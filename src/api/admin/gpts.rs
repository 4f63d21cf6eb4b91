//! The operations on GPTs.

use super::generated::defaults;
use super::generated::operations::{
    CreateGptParams, CreateGptReply, DeleteGptParams, DeleteGptReply, GetGptParams, GetGptReply,
    GetGptUsageParams, GetGptUsageReply, GptsHandlers, ListGptsParams, ListGptsReply,
    UpdateGptParams, UpdateGptReply,
};
use super::generated::types;
use super::lists::page_limit;
use crate::api::Handlers;
use crate::api::problem::Problem;
use crate::auth::Operator;
use crate::error::Error;
use crate::ids::GptId;
use crate::service::{GptRow, GptUsage};

impl GptsHandlers for Handlers {
    async fn create_gpt(
        &self,
        _operator: Operator,
        request: CreateGptParams,
    ) -> Result<CreateGptReply, Problem> {
        let id = gpt_id("/id", &request.body.id)?;
        let name = request.body.name.as_deref().unwrap_or(id.as_str());
        let created = self.service.create_gpt(&id, name).await;
        let row = created.map_err(|error| error.under("/"))?;
        let taken = || Error::AlreadyExists(format!("There is a GPT with the id `{id}` already."));
        Ok(CreateGptReply::Created {
            location: format!("/admin/v1/gpts/{id}"),
            body: row.ok_or_else(taken)?.into(),
        })
    }

    async fn list_gpts(
        &self,
        _operator: Operator,
        request: ListGptsParams,
    ) -> Result<ListGptsReply, Problem> {
        let list = self.filtered("list_gpts", &[]);
        let after: Option<String> = list.after(request.cursor.as_deref())?;
        let after = after.map(|id| gpt_id("cursor", &id)).transpose()?;
        let limit = page_limit(request.limit, defaults::LIST_GPTS_LIMIT);
        let rows = self.service.list_gpts(after.as_ref(), limit).await?;
        let next_cursor = list.next(&rows, |row| row.id.to_string());
        Ok(ListGptsReply::Ok {
            body: types::GptPage {
                has_more: rows.has_more,
                items: rows.items.into_iter().map(Into::into).collect(),
                next_cursor,
            },
        })
    }

    async fn get_gpt(
        &self,
        _operator: Operator,
        request: GetGptParams,
    ) -> Result<GetGptReply, Problem> {
        let id = gpt_id("gpt_id", &request.gpt_id)?;
        let body = self.service.get_gpt(&id).await?.into();
        Ok(GetGptReply::Ok { body })
    }

    async fn update_gpt(
        &self,
        _operator: Operator,
        request: UpdateGptParams,
    ) -> Result<UpdateGptReply, Problem> {
        let id = gpt_id("gpt_id", &request.gpt_id)?;
        let renamed = self.service.rename_gpt(&id, &request.body.name).await;
        let body = renamed.map_err(|error| error.under("/"))?.into();
        Ok(UpdateGptReply::Ok { body })
    }

    async fn delete_gpt(
        &self,
        _operator: Operator,
        request: DeleteGptParams,
    ) -> Result<DeleteGptReply, Problem> {
        let id = gpt_id("gpt_id", &request.gpt_id)?;
        if request.confirm != id.as_str() {
            let detail = "must be the id of the GPT that is to be deleted";
            return Err(Error::invalid("confirm", detail).into());
        }
        // A GPT may have more than is deleted within the time of a request: then the caller is told
        // so, and the deletion goes on.
        let service = self.service.clone();
        let deletion = tokio::spawn(async move { service.delete_gpt(&id).await });
        let deleted = deletion.await;
        match deleted.map_err(|panic| Error::Internal(Box::new(panic)))?? {
            true => Ok(DeleteGptReply::NoContent),
            false => Err(Error::GptNotFound.into()),
        }
    }

    async fn get_gpt_usage(
        &self,
        _operator: Operator,
        request: GetGptUsageParams,
    ) -> Result<GetGptUsageReply, Problem> {
        let id = gpt_id("gpt_id", &request.gpt_id)?;
        let usage = self
            .service
            .gpt_usage(&id, request.since, request.until)
            .await?;
        let body = usage_of(&id, &usage);
        Ok(GetGptUsageReply::Ok { body })
    }
}

/// An id that the contract's pattern has already let through.
pub(super) fn gpt_id(place: &str, id: &str) -> Result<GptId, Error> {
    id.parse()
        .map_err(|error: crate::ids::InvalidName| Error::invalid(place, error.to_string()))
}

impl From<GptRow> for types::Gpt {
    fn from(row: GptRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            created_at: row.created_at,
        }
    }
}

fn usage_of(id: &GptId, usage: &GptUsage) -> types::GptUsage {
    let (stored, calls) = (&usage.stored, &usage.calls);
    types::GptUsage {
        gpt_id: id.to_string(),
        collections: stored.collections,
        objects: stored.objects,
        document_bytes: stored.document_bytes,
        namespaces: stored.namespaces,
        entries: usage.knows_entries.then_some(stored.entries),
        namespace_bytes: stored.namespace_bytes,
        files: stored.files,
        file_bytes: stored.file_bytes,
        calls: types::CallCounts {
            since: usage.since,
            until: usage.until,
            total: calls.total(),
            successful: calls.successful,
            redirected: calls.redirected,
            refused: calls.refused,
            failed: calls.failed,
        },
    }
}
