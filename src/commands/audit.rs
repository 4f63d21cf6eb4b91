//! `audit …`: the record of calls, as the operator reads it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::Failure;
use super::cli::{AuditCommand, CallFilter, Statuses};
use super::output::{dash, print_json, print_table};
use crate::clock::Timestamp;
use crate::ids::GptId;
use crate::service::{AuditQuery, AuditRow, Service};

/// Calls that are read at once.
const PAGE: u32 = 500;

/// `audit …`.
pub(super) async fn audit(
    service: &Service,
    command: AuditCommand,
    json: bool,
) -> Result<(), Failure> {
    match command {
        AuditCommand::List(filter) => list(service, filter, json).await,
    }
}

/// Prints page by page as JSON; a table has to know all of its cells.
async fn list(service: &Service, filter: CallFilter, json: bool) -> Result<(), Failure> {
    let mut left = filter.limit;
    let mut query = query(filter);
    let mut rows = Vec::new();
    while left > 0 {
        query.limit = left.min(PAGE);
        let page = service.list_calls(query.clone()).await?.items;
        let Some(last) = page.last() else {
            break;
        };
        query.after = Some((last.created_at, last.id));
        left -= u32::try_from(page.len()).unwrap_or(left);
        if json {
            page.iter()
                .try_for_each(|row| print_json(&CallView::new(row)?))?;
        } else {
            rows.extend(page);
        }
    }
    if !json {
        print_rows(&rows);
    }
    Ok(())
}

fn query(filter: CallFilter) -> AuditQuery {
    let (status, status_class) = match filter.status {
        Some(Statuses::One(status)) => (Some(status), None),
        Some(Statuses::Class(class)) => (None, Some(class)),
        None => (None, None),
    };
    AuditQuery {
        gpt_id: filter.gpt,
        app_id: filter.app,
        application_id: filter.application,
        operation: filter.operation,
        key_id: filter.key,
        status,
        status_class,
        since: filter.since,
        until: filter.until,
        after: None,
        limit: 0,
    }
}

fn print_rows(rows: &[AuditRow]) {
    let cells = rows.iter().map(|row| {
        [
            row.created_at.to_string(),
            dash(row.gpt_id.as_ref()),
            dash(row.key_id.as_ref()),
            dash(row.application_id.as_ref()),
            dash(row.app_id.as_ref()),
            row.operation.clone(),
            row.status.to_string(),
            format!("{:.1}", row.milliseconds),
            row.client_address.clone(),
            row.request_id.clone(),
        ]
    });
    let head = [
        "TIME",
        "GPT",
        "KEY",
        "APPLICATION",
        "APP",
        "OPERATION",
        "STATUS",
        "MS",
        "ADDRESS",
        "REQUEST",
    ];
    print_table(head, cells);
}

#[derive(Serialize)]
struct CallView<'a> {
    id: String,
    created_at: Timestamp,
    gpt_id: Option<&'a str>,
    key_id: Option<&'a str>,
    application_id: Option<&'a str>,
    session_id: Option<String>,
    app_id: Option<&'a str>,
    operation: &'a str,
    method: &'a str,
    path: &'a str,
    request: &'a RawValue,
    status: i32,
    milliseconds: f64,
    request_id: &'a str,
    client_address: &'a str,
    memory_service_request_id: Option<&'a str>,
}

impl<'a> CallView<'a> {
    fn new(row: &'a AuditRow) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: row.id.to_string(),
            created_at: row.created_at,
            gpt_id: row.gpt_id.as_ref().map(GptId::as_str),
            key_id: row.key_id.as_deref(),
            application_id: row.application_id.as_deref(),
            session_id: row.session_id.map(|id| id.to_string()),
            app_id: row.app_id.as_deref(),
            operation: &row.operation,
            method: &row.method,
            path: &row.path,
            request: serde_json::from_str(row.request.as_str())?,
            status: row.status,
            milliseconds: row.milliseconds,
            request_id: &row.request_id,
            client_address: &row.client_address,
            memory_service_request_id: row.memory_service_request_id.as_deref(),
        })
    }
}
