//! The operations on imports and exports.

use super::Handlers;
use super::convert::collection_name;
use super::generated::operations::{
    CreateExportParams, CreateExportReply, CreateImportBody, CreateImportParams, CreateImportReply,
    GetJobParams, GetJobReply, JobsHandlers,
};
use super::generated::types::{self, JobKind};
use super::problem::Problem;
use crate::auth::Caller;
use crate::error::Error;
use crate::ids::CollectionName;
use crate::service::{IMPORT, JobRow, JobState, LineError, TransferReport, TransferResult};

impl JobsHandlers for Handlers {
    async fn create_import(
        &self,
        caller: Caller,
        request: CreateImportParams,
    ) -> Result<CreateImportReply, Problem> {
        let collection = named(request.collection.as_deref())?;
        let row = match request.body {
            CreateImportBody::Json(sent) => {
                let collection = named(sent.collection.as_deref())?.or(collection);
                let file_id = sent.file_id.as_str();
                self.service
                    .import_file(&caller, file_id, collection)
                    .await?
            }
            CreateImportBody::Lines(lines) => {
                let content = lines.up_to(self.service.file_limits().upload_bytes)?;
                self.service
                    .import_lines(caller.tenant(), content, collection)
                    .await?
            }
        };
        Ok(CreateImportReply::Accepted {
            location: self.place(&row),
            body: job(row)?,
        })
    }

    async fn create_export(
        &self,
        caller: Caller,
        request: CreateExportParams,
    ) -> Result<CreateExportReply, Problem> {
        let collection = named(request.body.collection.as_deref())?;
        let row = self.service.export(&caller, collection).await?;
        Ok(CreateExportReply::Accepted {
            location: self.place(&row),
            body: job(row)?,
        })
    }

    async fn get_job(&self, caller: Caller, request: GetJobParams) -> Result<GetJobReply, Problem> {
        let row = self.service.get_job(&caller, request.job_id).await?;
        Ok(GetJobReply::Ok { body: job(row)? })
    }
}

impl Handlers {
    fn place(&self, row: &JobRow) -> String {
        format!("{}/v1/jobs/{}", self.public_url, row.id)
    }
}

fn named(collection: Option<&str>) -> Result<Option<CollectionName>, Error> {
    collection.map(collection_name).transpose()
}

/// A job as callers see it.
fn job(row: JobRow) -> Result<types::Job, Error> {
    let report = TransferReport::read(&row.progress)?;
    let result = row.result.as_ref().map(TransferResult::read).transpose()?;
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Ok(types::Job {
        id: row.id,
        kind: match row.kind == IMPORT {
            true => JobKind::Import,
            false => JobKind::Export,
        },
        state: row.state.into(),
        progress: types::JobProgress {
            lines: count(report.lines),
            bytes: count(report.bytes),
            total_bytes: report.total_bytes.map(count),
            objects: count(report.objects),
            collections: count(report.collections),
            failed_lines: count(report.failed),
        },
        errors: report.errors.into_iter().map(Into::into).collect(),
        file_id: result.and_then(|result| result.file_id),
        error: row.error,
        created_at: row.created_at,
        updated_at: row.updated_at,
        finished_at: row.finished_at,
    })
}

impl From<JobState> for types::JobState {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Queued => Self::Queued,
            JobState::Running => Self::Running,
            JobState::Succeeded => Self::Succeeded,
            JobState::Failed => Self::Failed,
        }
    }
}

impl From<LineError> for types::JobLineError {
    fn from(error: LineError) -> Self {
        Self {
            line: i64::try_from(error.line).unwrap_or(i64::MAX),
            detail: error.detail,
        }
    }
}
