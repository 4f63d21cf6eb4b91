//! `gpt …` and `key …`: what an operator does to the store.

use serde::Serialize;

use super::cli::{GptCommand, KeyCommand, NewKey};
use super::output::{dash, print_json, print_table};
use super::{Failure, open_store, usage};
use crate::auth::Scopes;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::error::Error;
use crate::ids::GptId;
use crate::jobs::Queue;
use crate::server::open_files;
use crate::service::{GptRow, IssuedKey, KeyRequest, KeyRow, Service};
use crate::store::Store;

/// The service, for a command that runs beside a server or without one.
pub(super) async fn service(config: Config) -> Result<Service, Failure> {
    let store = open_store(&config).await?;
    service_over(&config, store)
}

/// The same with files, for a command that reaches their bytes. It signs no links.
pub(super) async fn service_with_files(config: Config) -> Result<Service, Failure> {
    let store = open_store(&config).await?;
    let files = open_files(&config.files, store.backend(), &[])?;
    Ok(service_over(&config, store)?.with_files(files))
}

/// The service, which wakes the workers of a server.
fn service_over(config: &Config, store: Store) -> Result<Service, Failure> {
    let queue = Queue::new(store.clone(), config.redis_url.as_deref())?;
    Ok(crate::server::service(config, store)?.with_queue(queue))
}

/// The same with the keys that sign tokens.
pub(super) async fn service_with_tokens(config: Config) -> Result<Service, Failure> {
    let store = open_store(&config).await?;
    let tokens = crate::server::tokens(&config, &store).await?;
    Ok(crate::server::service(&config, store)?.with_tokens(tokens))
}

/// `gpt …`.
pub(super) async fn gpt(service: &Service, command: GptCommand, json: bool) -> Result<(), Failure> {
    match command {
        GptCommand::Create { id, name } => {
            let name = name.unwrap_or_else(|| id.to_string());
            let row = service.create_gpt(&id, &name).await?;
            let row = row.ok_or_else(|| format!("there is already a GPT `{id}`"))?;
            if json {
                return print_json(&GptView::from(&row));
            }
            println!(
                "Created the GPT `{id}`. Make a key for it with: gpt-object-store key create {id}"
            );
        }
        GptCommand::List => {
            let rows = service.list_gpts(None, u32::MAX).await?.items;
            if json {
                return rows
                    .iter()
                    .try_for_each(|row| print_json(&GptView::from(row)));
            }
            print_gpts(&rows);
        }
        GptCommand::Show { id } => show_gpt(&found(service.get_gpt(&id).await, &id)?, json)?,
        GptCommand::Update { id, name } => {
            show_gpt(&found(service.rename_gpt(&id, &name).await, &id)?, json)?;
        }
        GptCommand::Usage { id, since, until } => {
            let usage = service.gpt_usage(&id, since, until).await;
            usage::show(&id, &found(usage, &id)?, json)?;
        }
        GptCommand::Delete { id, yes } => {
            if !yes {
                return Err(format!(
                    "this deletes all data of `{id}`, for good; say --yes to do it"
                )
                .into());
            }
            if !service.delete_gpt(&id).await? {
                return Err(no_gpt(&id));
            }
            if json {
                return print_json(&serde_json::json!({ "id": id.as_str(), "deleted": true }));
            }
            println!("Deleted the GPT `{id}` and all its data.");
            if service.serves_files() {
                println!("The bytes of its files are removed by the next worker, or `serve`.");
            }
        }
    }
    Ok(())
}

/// What was found of the GPT `id`, or what to do about it.
fn found<T>(outcome: Result<T, Error>, id: &GptId) -> Result<T, Failure> {
    outcome.map_err(|error| match error {
        Error::GptNotFound => no_gpt(id),
        error => error.into(),
    })
}

fn show_gpt(row: &GptRow, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&GptView::from(row));
    }
    print_gpts(std::slice::from_ref(row));
    Ok(())
}

fn print_gpts(rows: &[GptRow]) {
    let cells = rows.iter().map(|row| {
        [
            row.id.to_string(),
            row.name.clone(),
            row.created_at.to_string(),
        ]
    });
    print_table(["ID", "NAME", "CREATED"], cells);
}

/// `key …`.
pub(super) async fn key(service: &Service, command: KeyCommand, json: bool) -> Result<(), Failure> {
    match command {
        KeyCommand::Create(new) => {
            let gpt = new.gpt.clone();
            let issued = service.issue_key(request(new)).await?;
            let issued = issued
                .ok_or_else(|| gpt.map_or_else(|| "no key was made".into(), |id| no_gpt(&id)))?;
            show(&issued, json)
        }
        KeyCommand::List { gpt } => {
            let keys = service.list_keys(gpt.as_ref(), None, u32::MAX).await?;
            list(&keys.items, json)
        }
        KeyCommand::Show { id } => list(&[of_key(service.get_key(&id).await, &id)?], json),
        KeyCommand::Update(changes) => {
            let rate_limits = match changes.general_rate_limits {
                true => Some(None),
                false => changes.rate_limits.map(Some),
            };
            let id = changes.id;
            let updated = service.update_key(&id, changes.name, rate_limits).await;
            list(&[of_key(updated, &id)?], json)
        }
        KeyCommand::Revoke { id } => {
            if service.revoke_key(&id).await?.is_none() {
                return Err(no_key(&id));
            }
            if json {
                return print_json(&serde_json::json!({ "id": id, "revoked": true }));
            }
            println!("Revoked {id}. Servers stop accepting it within 5 seconds.");
            Ok(())
        }
        KeyCommand::Rotate { id, grace } => {
            let issued = service.rotate_key(&id, grace).await?;
            show(&issued.ok_or_else(|| no_key(&id))?, json)
        }
    }
}

/// What was found of the key `id`, or what to do about it.
fn of_key(outcome: Result<KeyRow, Error>, id: &str) -> Result<KeyRow, Failure> {
    outcome.map_err(|error| match error {
        Error::KeyNotFound => no_key(id),
        error => error.into(),
    })
}

fn request(new: NewKey) -> KeyRequest {
    let default = if new.operator {
        Scopes::of_an_operator()
    } else {
        Scopes::of_a_gpt()
    };
    KeyRequest {
        gpt_id: new.gpt,
        name: new.name,
        scopes: new.scopes.unwrap_or(default),
        expires_at: new.expires_in.map(|time| Timestamp::now().plus(time)),
        rate_limits: new.rate_limits,
    }
}

fn show(issued: &IssuedKey, json: bool) -> Result<(), Failure> {
    let view = KeyView::from(&issued.row);
    if json {
        return print_json(&IssuedView {
            key: issued.key.reveal(),
            view,
        });
    }
    println!("{}", issued.key.reveal());
    eprintln!(
        "This is the only time that the key is shown. Its id is {}.",
        issued.row.id
    );
    Ok(())
}

fn list(rows: &[KeyRow], json: bool) -> Result<(), Failure> {
    if json {
        return rows
            .iter()
            .try_for_each(|row| print_json(&KeyView::from(row)));
    }
    let cells = rows.iter().map(|row| {
        [
            row.id.clone(),
            dash(row.gpt_id.as_ref()),
            row.name.clone(),
            row.scopes.clone(),
            dash(row.expires_at),
            dash(row.revoked_at),
            dash(row.last_used),
            dash(row.rate_limits.as_ref()),
        ]
    });
    print_table(
        [
            "ID",
            "GPT",
            "NAME",
            "SCOPES",
            "EXPIRES",
            "REVOKED",
            "LAST USED",
            "RATE LIMITS",
        ],
        cells,
    );
    Ok(())
}

fn no_gpt(id: &GptId) -> Failure {
    format!("there is no GPT `{id}`; make it with: gpt-object-store gpt create {id}").into()
}

fn no_key(id: &str) -> Failure {
    format!("there is no key `{id}`; see: gpt-object-store key list").into()
}

#[derive(Serialize)]
struct GptView<'a> {
    id: &'a str,
    name: &'a str,
    created_at: Timestamp,
}

impl<'a> From<&'a GptRow> for GptView<'a> {
    fn from(row: &'a GptRow) -> Self {
        Self {
            id: row.id.as_str(),
            name: &row.name,
            created_at: row.created_at,
        }
    }
}

#[derive(Serialize)]
struct IssuedView<'a> {
    key: &'a str,
    #[serde(flatten)]
    view: KeyView<'a>,
}

#[derive(Serialize)]
struct KeyView<'a> {
    id: &'a str,
    gpt_id: Option<&'a str>,
    name: &'a str,
    scopes: Vec<&'a str>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_used: Option<Timestamp>,
    rate_limits: Option<&'a str>,
}

impl<'a> From<&'a KeyRow> for KeyView<'a> {
    fn from(row: &'a KeyRow) -> Self {
        Self {
            id: &row.id,
            gpt_id: row.gpt_id.as_ref().map(GptId::as_str),
            name: &row.name,
            scopes: row
                .scopes
                .split(' ')
                .filter(|scope| !scope.is_empty())
                .collect(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used: row.last_used,
            rate_limits: row.rate_limits.as_deref(),
        }
    }
}
