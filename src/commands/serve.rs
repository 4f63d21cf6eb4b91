//! `serve`, `worker` and `migrate`.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::output::print_json;
use super::{Failure, open_store};
use crate::auth::Scopes;
use crate::config::Config;
use crate::ids::GptId;
use crate::limits::RateLimits;
use crate::server::{Listeners, Server};
use crate::service::{IssuedKey, KeyRequest, Service};
use crate::store::Backend;

/// The GPT of a first start.
const FIRST_GPT: &str = "my-gpt";

/// Serves until SIGTERM or Ctrl-C.
pub(super) async fn serve(config: Config, json: bool) -> Result<(), Failure> {
    // Each connection takes a descriptor; the usual soft limit of 1,024 is soon used up.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    // Before anything is made: a second server on the same port must change nothing.
    let listeners = Listeners {
        callers: Some(bind(config.http.listen).await?),
        operators: bind_to(config.http.admin_listen).await?,
        ..Listeners::showing(config.http.tls.as_ref())?
    };
    let store = open_store(&config).await?;
    let backend = store.backend();
    let public_url = config.http.public_url.clone();
    let server = Server::new(config, store).await?;
    if !server.service().has_gpts().await? {
        match backend {
            Backend::Sqlite => {
                let issued = first_key(server.service()).await?;
                let rate_limits = &server.service().limits().rate_limits;
                welcome(&issued, &public_url, rate_limits, json)?;
            }
            // A key in the log of a production server would be a key given away.
            Backend::Postgres => tracing::warn!(
                "there is no GPT yet: make one with `gpt-object-store gpt create ID` and a key with \
                 `gpt-object-store key create ID`"
            ),
        }
    }
    tracing::info!(public_url, database = ?backend, "serving");
    let stop = stop_signal()?;
    server.run(listeners, stop).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Works until SIGTERM or Ctrl-C, and answers nobody but those who want to know how it is.
pub(super) async fn work(mut config: Config) -> Result<(), Failure> {
    let listeners = Listeners {
        watchers: bind_to(config.worker.listen).await?,
        ..Listeners::showing(config.http.tls.as_ref())?
    };
    config.worker.is_on = true;
    // Nobody is to be sent elsewhere, and backups are made where requests are answered.
    config.http.shutdown_delay = Duration::ZERO;
    config.backup.is_daily = false;
    let store = open_store(&config).await?;
    tracing::info!(database = ?store.backend(), listen = ?config.worker.listen, "working");
    let stop = stop_signal()?;
    Server::new(config, store)
        .await?
        .run(listeners, stop)
        .await?;
    tracing::info!("stopped");
    Ok(())
}

async fn bind_to(address: Option<SocketAddr>) -> Result<Option<TcpListener>, Failure> {
    match address {
        Some(address) => bind(address).await.map(Some),
        None => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("cannot listen on {address}: {error}").into())
}

/// Brings the schema up to date.
pub(super) async fn migrate(config: Config, json: bool) -> Result<(), Failure> {
    let store = open_store(&config).await?;
    if json {
        return print_json(
            &serde_json::json!({ "database": format!("{:?}", store.backend()).to_lowercase(), "up_to_date": true }),
        );
    }
    println!("The database is up to date.");
    Ok(())
}

/// Ready when the process is asked to stop.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn first_key(service: &Service) -> Result<IssuedKey, Failure> {
    let gpt_id: GptId = FIRST_GPT.parse()?;
    service.create_gpt(&gpt_id, FIRST_GPT).await?;
    let request = KeyRequest {
        gpt_id: Some(gpt_id),
        name: "first key".to_owned(),
        scopes: Scopes::of_a_gpt(),
        expires_at: None,
        rate_limits: None,
    };
    let issued = service.issue_key(request).await?;
    issued.ok_or_else(|| "the first key could not be made".into())
}

fn welcome(
    issued: &IssuedKey,
    public_url: &str,
    rate_limits: &RateLimits,
    json: bool,
) -> Result<(), Failure> {
    let key = issued.key.reveal();
    if json {
        return print_json(
            &serde_json::json!({ "gpt_id": FIRST_GPT, "id": issued.row.id, "key": key }),
        );
    }
    let collections = format!("{public_url}/v1/gpts/{FIRST_GPT}/collections");
    println!(
        "The database is new. This is the key of its first GPT, `{FIRST_GPT}`, shown this once:

  {key}

Paste these into another terminal:

  export GOS_KEY={key}

  # Create a collection
  curl -X POST \"{collections}\" \\
    -H \"Authorization: Bearer $GOS_KEY\" \\
    -H \"Content-Type: application/json\" \\
    -d '{{\"name\": \"notes\"}}'

  # Create an object
  curl -X POST \"{collections}/notes/objects\" \\
    -H \"Authorization: Bearer $GOS_KEY\" \\
    -H \"Content-Type: application/json\" \\
    -d '{{\"body\": {{\"title\": \"My Note\", \"content\": \"Hello World\"}}}}'

  # List objects with pagination
  curl \"{collections}/notes/objects?limit=50\" \\
    -H \"Authorization: Bearer $GOS_KEY\"

For a GPT, import {public_url}/openapi/gpt-object-store.yaml and give it the key (Bearer).
Rate limits (set RATE_LIMITS, or the key's own, to change them): {rate_limits}
Documentation: {public_url}/docs
"
    );
    Ok(())
}
