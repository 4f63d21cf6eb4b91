//! `job …`: what is done outside of requests.

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Failure;
use super::cli::{JobCommand, JobFilter};
use super::output::{dash, print_json, print_table};
use super::pages::up_to;
use crate::clock::Timestamp;
use crate::ids::GptId;
use crate::service::{JobQuery, JobRow, Service};

/// `job …`.
pub(super) async fn job(service: &Service, command: JobCommand, json: bool) -> Result<(), Failure> {
    match command {
        JobCommand::List(filter) => list(service, filter, json).await,
        JobCommand::Show { id } => {
            let row = service.find_job(id).await?;
            show(&row.ok_or_else(|| format!("there is no job `{id}`"))?, json)
        }
        JobCommand::Retry { id } => {
            let row = service.retry_job(id).await?;
            let row = row.ok_or_else(|| format!("there is no dead letter `{id}`"))?;
            if json {
                return print_json(&JobView::new(&row)?);
            }
            println!("Queued {id} again.");
            Ok(())
        }
    }
}

async fn list(service: &Service, filter: JobFilter, json: bool) -> Result<(), Failure> {
    let page = async |limit, after| {
        let query = JobQuery {
            gpt_id: filter.gpt.clone(),
            kind: filter.kind.clone(),
            state: filter.state,
            after,
            limit,
        };
        service.list_jobs(query).await
    };
    let rows = up_to(filter.limit, page, |row| (row.created_at, row.id)).await?;
    if json {
        return rows
            .iter()
            .try_for_each(|row| print_json(&JobView::new(row)?));
    }
    let cells = rows.iter().map(|row| {
        [
            row.id.to_string(),
            dash(row.gpt_id.as_ref()),
            row.kind.clone(),
            row.state.as_str().to_owned(),
            row.attempts.to_string(),
            row.created_at.to_string(),
            dash(row.error.as_deref()),
        ]
    });
    let head = ["ID", "GPT", "KIND", "STATE", "ATTEMPTS", "CREATED", "ERROR"];
    print_table(head, cells);
    Ok(())
}

fn show(row: &JobRow, json: bool) -> Result<(), Failure> {
    let view = JobView::new(row)?;
    if json {
        return print_json(&view);
    }
    println!("{}", serde_json::to_string_pretty(&view)?);
    Ok(())
}

#[derive(Serialize)]
struct JobView<'a> {
    id: Uuid,
    gpt_id: Option<&'a str>,
    kind: &'a str,
    state: &'a str,
    attempts: u32,
    max_attempts: u32,
    run_at: Timestamp,
    payload: Box<RawValue>,
    progress: Box<RawValue>,
    result: Option<Box<RawValue>>,
    error: Option<&'a str>,
    created_at: Timestamp,
    updated_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl<'a> JobView<'a> {
    fn new(row: &'a JobRow) -> Result<Self, Failure> {
        let raw = |text: &str| RawValue::from_string(text.to_owned());
        let result = row.result.as_ref().map(|result| raw(result.as_str()));
        Ok(Self {
            id: row.id,
            gpt_id: row.gpt_id.as_ref().map(GptId::as_str),
            kind: &row.kind,
            state: row.state.as_str(),
            attempts: row.attempts,
            max_attempts: row.max_attempts,
            run_at: row.run_at,
            payload: raw(row.payload.as_str())?,
            progress: raw(row.progress.as_str())?,
            result: result.transpose()?,
            error: row.error.as_deref(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
        })
    }
}
