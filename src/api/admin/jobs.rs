//! The operations on jobs, of GPTs and of the house.

use uuid::Uuid;

use super::generated::defaults;
use super::generated::operations::{
    JobsHandlers, ListJobsParams, ListJobsReply, RetryJobParams, RetryJobReply,
};
use super::generated::types;
use super::gpts::gpt_id;
use super::lists::page_limit;
use crate::api::Handlers;
use crate::api::problem::Problem;
use crate::api::wire::RawJson;
use crate::auth::Operator;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::service::{JobQuery, JobRow, JobState};

impl JobsHandlers for Handlers {
    async fn list_jobs(
        &self,
        _operator: Operator,
        request: ListJobsParams,
    ) -> Result<ListJobsReply, Problem> {
        let state = request.state.map(JobState::from);
        let filters = [
            request.gpt_id.as_deref(),
            request.kind.as_deref(),
            state.map(JobState::as_str),
        ];
        let list = self.filtered("list_jobs", &filters);
        let after: Option<(Timestamp, Uuid)> = list.after(request.cursor.as_deref())?;
        let of_gpt = request.gpt_id.as_deref();
        let query = JobQuery {
            gpt_id: of_gpt.map(|id| gpt_id("gpt_id", id)).transpose()?,
            kind: request.kind.clone(),
            state,
            after,
            limit: page_limit(request.limit, defaults::LIST_JOBS_LIMIT),
        };
        let rows = self.service.list_jobs(query).await?;
        let next_cursor = list.next(&rows, |row| (row.created_at, row.id));
        Ok(ListJobsReply::Ok {
            body: types::OperatorJobPage {
                has_more: rows.has_more,
                items: rows.items.into_iter().map(Into::into).collect(),
                next_cursor,
            },
        })
    }

    async fn retry_job(
        &self,
        _operator: Operator,
        request: RetryJobParams,
    ) -> Result<RetryJobReply, Problem> {
        let retried = self.service.retry_job(request.job_id).await?;
        let body = retried.ok_or(Error::JobNotFound)?.into();
        Ok(RetryJobReply::Ok { body })
    }
}

impl From<types::JobState> for JobState {
    fn from(state: types::JobState) -> Self {
        match state {
            types::JobState::Queued => Self::Queued,
            types::JobState::Running => Self::Running,
            types::JobState::Succeeded => Self::Succeeded,
            types::JobState::Failed => Self::Failed,
        }
    }
}

impl From<JobRow> for types::OperatorJob {
    fn from(row: JobRow) -> Self {
        let nothing = || Document::from_canonical("{}".to_owned());
        Self {
            id: row.id,
            gpt_id: row.gpt_id.map(|gpt_id| gpt_id.to_string()),
            kind: row.kind,
            state: row.state.into(),
            attempts: row.attempts.cast_signed(),
            max_attempts: row.max_attempts.cast_signed(),
            run_at: row.run_at,
            progress: RawJson::from(row.progress),
            result: RawJson::from(row.result.unwrap_or_else(nothing)),
            error: row.error,
            created_at: row.created_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
        }
    }
}
