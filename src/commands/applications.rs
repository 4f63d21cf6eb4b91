//! `app …`: the applications that ask for tokens.

use serde::Serialize;

use super::Failure;
use super::cli::{AppCommand, AppUpdate, NewApp};
use super::output::{dash, print_json, print_table, spoken};
use crate::clock::Timestamp;
use crate::ids::{CollectionName, GptId};
use crate::service::{
    ApplicationRow, ApplicationUpdate, IssuedApplication, Keyset, NewApplication, Service,
};

/// Applications that are read at once.
const PAGE: u32 = 500;

/// `app …`.
pub(super) async fn app(service: &Service, command: AppCommand, json: bool) -> Result<(), Failure> {
    match command {
        AppCommand::Create(new) => create(service, new, json).await,
        AppCommand::List { gpt } => list(service, gpt.as_ref(), json).await,
        AppCommand::Update(update) => {
            let client_id = update.client_id.clone();
            let changed = service.update_application(&client_id, change(update)).await;
            let row = changed.map_err(spoken)?.ok_or_else(|| no_app(&client_id))?;
            if json {
                return print_json(&AppView::from(&row));
            }
            println!("Changed {client_id}. Servers obey within 5 seconds.");
            Ok(())
        }
        AppCommand::RotateSecret {
            client_id,
            keep_old,
        } => {
            let rotated = service.rotate_application_secret(&client_id, keep_old);
            let rotated = rotated.await.map_err(spoken)?;
            show(&rotated.ok_or_else(|| no_app(&client_id))?, json)
        }
        AppCommand::Revoke { client_id } => {
            let revoked = service.revoke_application(&client_id).await?;
            revoked.ok_or_else(|| no_app(&client_id))?;
            if json {
                return print_json(&serde_json::json!({ "client_id": client_id, "revoked": true }));
            }
            println!("Revoked {client_id}. Servers stop accepting its tokens within 5 seconds.");
            Ok(())
        }
    }
}

async fn create(service: &Service, new: NewApp, json: bool) -> Result<(), Failure> {
    let gpt_id = new.gpt.clone();
    let request = NewApplication {
        gpt_id: new.gpt,
        name: new.name,
        is_public: new.public,
        scopes: new.scopes.unwrap_or_else(crate::auth::Scopes::of_a_gpt),
        collections: new.collections,
        redirect_uris: new.redirect_uris,
        rate_limits: new.rate_limits,
    };
    let issued = service.create_application(request).await.map_err(spoken)?;
    let issued = issued.ok_or_else(|| format!("there is no GPT `{gpt_id}`"))?;
    show(&issued, json)
}

fn change(update: AppUpdate) -> ApplicationUpdate {
    let collections = match update.all_collections {
        true => Some(None),
        false => update.collections.map(Some),
    };
    let rate_limits = match update.general_rate_limits {
        true => Some(None),
        false => update.rate_limits.map(Some),
    };
    ApplicationUpdate {
        name: update.name,
        scopes: update.scopes,
        collections,
        redirect_uris: update.redirect_uris,
        rate_limits,
    }
}

fn show(issued: &IssuedApplication, json: bool) -> Result<(), Failure> {
    let secret = issued
        .secret
        .as_ref()
        .map(crate::auth::ClientSecret::reveal);
    if json {
        return print_json(&IssuedView {
            client_secret: secret,
            view: AppView::from(&issued.row),
        });
    }
    println!("client id:     {}", issued.row.client_id);
    if let Some(secret) = secret {
        println!("client secret: {secret}");
        eprintln!("This is the only time that the secret is shown.");
    }
    Ok(())
}

async fn list(service: &Service, gpt: Option<&GptId>, json: bool) -> Result<(), Failure> {
    let rows = all(service, gpt).await?;
    if json {
        return rows
            .iter()
            .try_for_each(|row| print_json(&AppView::from(row)));
    }
    let cells = rows.iter().map(|row| {
        let collections = row.collections.as_ref().map(|names| join(names));
        [
            row.client_id.clone(),
            row.gpt_id.to_string(),
            row.name.clone(),
            if row.is_public { "public" } else { "secret" }.to_owned(),
            row.scopes.clone(),
            dash(collections),
            dash(row.last_used),
            dash(row.revoked_at),
        ]
    });
    let head = [
        "CLIENT ID",
        "GPT",
        "NAME",
        "KIND",
        "SCOPES",
        "COLLECTIONS",
        "LAST USED",
        "REVOKED",
    ];
    print_table(head, cells);
    Ok(())
}

/// Every application, oldest first.
async fn all(service: &Service, gpt: Option<&GptId>) -> Result<Vec<ApplicationRow>, Failure> {
    let mut page = Keyset {
        after: None,
        ascending: true,
        limit: PAGE,
    };
    let mut rows = Vec::new();
    loop {
        let (found, more) = service.list_applications(gpt, &page).await?;
        page.after = found.last().map(|row| (row.created_at, row.id));
        rows.extend(found);
        if !more {
            return Ok(rows);
        }
    }
}

fn join(names: &[CollectionName]) -> String {
    let names: Vec<_> = names.iter().map(CollectionName::as_str).collect();
    names.join(",")
}

fn no_app(client_id: &str) -> Failure {
    format!("there is no application `{client_id}`; see: gpt-object-store app list").into()
}

#[derive(Serialize)]
struct IssuedView<'a> {
    client_secret: Option<&'a str>,
    #[serde(flatten)]
    view: AppView<'a>,
}

#[derive(Serialize)]
struct AppView<'a> {
    client_id: &'a str,
    gpt_id: &'a str,
    name: &'a str,
    public: bool,
    scopes: Vec<&'a str>,
    collections: Option<Vec<&'a str>>,
    redirect_uris: &'a [String],
    rate_limits: Option<&'a str>,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_used: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl<'a> From<&'a ApplicationRow> for AppView<'a> {
    fn from(row: &'a ApplicationRow) -> Self {
        let names = row.collections.as_ref();
        Self {
            client_id: &row.client_id,
            gpt_id: row.gpt_id.as_str(),
            name: &row.name,
            public: row.is_public,
            scopes: row.scopes.split_whitespace().collect(),
            collections: names.map(|names| names.iter().map(CollectionName::as_str).collect()),
            redirect_uris: &row.redirect_uris,
            rate_limits: row.rate_limits.as_deref(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_used: row.last_used,
            revoked_at: row.revoked_at,
        }
    }
}
