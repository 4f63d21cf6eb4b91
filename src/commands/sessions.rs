//! `session …` and `oauth …`: what applications were allowed, and the keys that sign for it.

use serde::Serialize;

use super::Failure;
use super::cli::{OAuthCommand, SessionCommand, SessionFilter};
use super::output::{dash, print_json, print_table};
use super::pages::up_to;
use crate::clock::Timestamp;
use crate::service::{EndReason, Keyset, Rows, Service, SessionQuery, SessionRow};

/// `session …`.
pub(super) async fn session(
    service: &Service,
    command: SessionCommand,
    json: bool,
) -> Result<(), Failure> {
    match command {
        SessionCommand::List(filter) => list(service, filter, json).await,
        SessionCommand::End { id } => {
            let ended = service.end_session(id).await?;
            let row = ended.ok_or_else(|| format!("there is no session `{id}`"))?;
            if json {
                return print_json(&SessionView::from(&row));
            }
            println!("Ended {id}. Servers stop accepting its tokens within 5 seconds.");
            Ok(())
        }
    }
}

/// `oauth …`.
pub(super) async fn oauth(
    service: &Service,
    command: OAuthCommand,
    json: bool,
) -> Result<(), Failure> {
    match command {
        OAuthCommand::RotateKey => {
            let id = service.rotate_signing_key().await?;
            if json {
                return print_json(&serde_json::json!({ "id": id }));
            }
            println!(
                "The key {id} signs from now on; tokens of the others stay good to their end."
            );
            Ok(())
        }
    }
}

async fn list(service: &Service, filter: SessionFilter, json: bool) -> Result<(), Failure> {
    let alive_at = filter.alive.then(Timestamp::now);
    let page = async |limit, after| {
        let query = SessionQuery {
            gpt_id: filter.gpt.clone(),
            client_id: filter.app.clone(),
            alive_at,
            page: Keyset {
                after,
                ascending: false,
                limit,
            },
        };
        let (items, has_more) = service.list_sessions(&query).await?;
        Ok(Rows { items, has_more })
    };
    let rows = up_to(filter.limit, page, |row| (row.created_at, row.id)).await?;
    if json {
        return rows
            .iter()
            .try_for_each(|row| print_json(&SessionView::from(row)));
    }
    let cells = rows.iter().map(|row| {
        [
            row.id.to_string(),
            row.gpt_id.to_string(),
            row.client_id.clone(),
            row.grant_type.as_str().to_owned(),
            row.scopes.clone(),
            row.last_activity.to_string(),
            row.expires_at.to_string(),
            dash(row.end_reason.map(EndReason::as_str)),
        ]
    });
    let head = [
        "ID",
        "GPT",
        "CLIENT ID",
        "GRANT",
        "SCOPES",
        "LAST ACTIVITY",
        "EXPIRES",
        "ENDED",
    ];
    print_table(head, cells);
    Ok(())
}

#[derive(Serialize)]
struct SessionView<'a> {
    id: String,
    gpt_id: &'a str,
    client_id: &'a str,
    grant_type: &'a str,
    key_id: Option<&'a str>,
    scopes: Vec<&'a str>,
    created_at: Timestamp,
    last_activity: Timestamp,
    expires_at: Timestamp,
    ended_at: Option<Timestamp>,
    end_reason: Option<&'a str>,
}

impl<'a> From<&'a SessionRow> for SessionView<'a> {
    fn from(row: &'a SessionRow) -> Self {
        Self {
            id: row.id.to_string(),
            gpt_id: row.gpt_id.as_str(),
            client_id: &row.client_id,
            grant_type: row.grant_type.as_str(),
            key_id: row.key_id.as_deref(),
            scopes: row.scopes.split_whitespace().collect(),
            created_at: row.created_at,
            last_activity: row.last_activity,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            end_reason: row.end_reason.map(EndReason::as_str),
        }
    }
}
