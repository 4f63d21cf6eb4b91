//! `webhook …`: where changes are forwarded to, and what became of them.

use serde::Serialize;

use super::cli::{EventFilter, WebhookCommand};
use super::output::{dash, print_json, print_table, spoken};
use super::pages::up_to;
use super::{Failure, open_store};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::jobs::Queue;
use crate::server::service_with_webhooks;
use crate::service::{EventQuery, EventRow, IssuedWebhook, Service, WebhookRow};

/// `webhook …`.
pub(super) async fn webhook(
    config: Config,
    command: WebhookCommand,
    json: bool,
) -> Result<(), Failure> {
    let store = open_store(&config).await?;
    let queue = Queue::new(store.clone(), config.redis_url.as_deref())?;
    let service = service_with_webhooks(&config, store)
        .await?
        .with_queue(queue);
    match command {
        WebhookCommand::Put { gpt, url, disabled } => {
            let put = service.put_webhook(&gpt, &url, !disabled).await;
            let issued = put.map_err(spoken)?;
            show_issued(&issued, json)
        }
        WebhookCommand::Show { gpt } => show(&service.get_webhook(&gpt).await?, None, json),
        WebhookCommand::RotateSecret { gpt, keep_old } => {
            let issued = service.rotate_webhook_secret(&gpt, keep_old).await?;
            show_issued(&issued, json)
        }
        WebhookCommand::Delete { gpt } => {
            service.delete_webhook(&gpt).await?;
            if !json {
                println!("The changes of `{gpt}` are no longer forwarded.");
            }
            Ok(())
        }
        WebhookCommand::Events(filter) => list(&service, filter, json).await,
        WebhookCommand::Retry { gpt } => {
            let retried = service.retry_failed_events(&gpt).await?;
            if json {
                return print_json(&serde_json::json!({ "retried": retried }));
            }
            println!("{retried} are delivered again.");
            Ok(())
        }
    }
}

fn show_issued(issued: &IssuedWebhook, json: bool) -> Result<(), Failure> {
    show(&issued.row, issued.secret.as_deref(), json)
}

fn show(row: &WebhookRow, secret: Option<&str>, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&WebhookView {
            gpt_id: row.gpt_id.as_str(),
            url: &row.url,
            is_enabled: row.is_enabled,
            disabled_reason: row.disabled_reason.as_deref(),
            failures: row.failures,
            secret,
            created_at: row.created_at,
            updated_at: row.updated_at,
        });
    }
    let state = match (row.is_enabled, &row.disabled_reason) {
        (true, _) => "on".to_owned(),
        (false, None) => "off".to_owned(),
        (false, Some(reason)) => format!("off: {reason}"),
    };
    println!(
        "The changes of `{}` go to {} ({state}).",
        row.gpt_id, row.url
    );
    if let Some(secret) = secret {
        println!("\n  {secret}\n\nThis is what they are signed with. It is not shown again.");
    }
    Ok(())
}

async fn list(service: &Service, filter: EventFilter, json: bool) -> Result<(), Failure> {
    let page = async |limit, after| {
        let query = EventQuery {
            gpt_id: filter.gpt.clone(),
            state: filter.state,
            after,
            limit,
        };
        service.list_events(query).await
    };
    let place = |row: &EventRow| (row.event.changed_at, row.event.object_id);
    let rows = up_to(filter.limit, page, place).await?;
    if json {
        return rows
            .iter()
            .try_for_each(|row| print_json(&EventView::new(row)));
    }
    let cells = rows.iter().map(|row| {
        [
            row.event.message_id(),
            row.event.kind.message_type().to_owned(),
            row.event.collection.to_string(),
            row.state.as_str().to_owned(),
            row.event.attempts.to_string(),
            row.event.changed_at.to_string(),
            dash(row.error.as_deref()),
        ]
    });
    let head = [
        "ID",
        "TYPE",
        "COLLECTION",
        "STATE",
        "ATTEMPTS",
        "CHANGED",
        "ERROR",
    ];
    print_table(head, cells);
    Ok(())
}

#[derive(Serialize)]
struct WebhookView<'a> {
    gpt_id: &'a str,
    url: &'a str,
    is_enabled: bool,
    disabled_reason: Option<&'a str>,
    failures: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct EventView<'a> {
    id: String,
    r#type: &'static str,
    collection: &'a str,
    version: i64,
    state: &'static str,
    attempts: u32,
    status: Option<u16>,
    error: Option<&'a str>,
    changed_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl<'a> EventView<'a> {
    fn new(row: &'a EventRow) -> Self {
        Self {
            id: row.event.message_id(),
            r#type: row.event.kind.message_type(),
            collection: row.event.collection.as_str(),
            version: row.event.version,
            state: row.state.as_str(),
            attempts: row.event.attempts,
            status: row.status,
            error: row.error.as_deref(),
            changed_at: row.event.changed_at,
            finished_at: row.finished_at,
        }
    }
}
