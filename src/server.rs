//! The running server: the routes behind the edge, on a listener, with what runs beside them.

mod acceptor;
mod backups;
mod connection;
mod files;
mod metrics;
mod tls;
mod traces;
mod upkeep;
mod worker;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, join_all, select};
use poem::{Endpoint, EndpointExt, Server as PoemServer};
use tokio::net::TcpListener;

use crate::api::cursor::CursorCodec;
use crate::api::edge::{Cors, Edge, Traffic};
use crate::api::{AuthorizationServer, Handlers, operator_routes, routes, watcher_routes};
use crate::auth::{Anonymous, Authenticator, OutsideIssuers, Tokens};
use crate::blob::Bucket;
use crate::config::{Config, TlsFiles};
use crate::error::Error;
use crate::jobs::{Queue, Worker};
use crate::limits::Limiter;
use crate::service::oauth::OAuth;
use crate::service::{Audit, Service};
use crate::stopping::Stopping;
use crate::store::{Backend, Store};

use acceptor::TidyAcceptor;
pub use backups::Backups;
use backups::Daily;
pub use files::open_files;
use metrics::Sources;
use tls::Renewal;
pub use tls::{Certificate, TlsError};
use traces::Exporter;
use upkeep::{House, Upkeep};
pub use worker::start_for_gpts;

/// Bytes of a signing secret that we make ourselves.
const SECRET_BYTES: usize = 32;

/// Where requests come in.
#[derive(Default)]
pub struct Listeners {
    /// For callers of GPTs.
    pub callers: Option<TcpListener>,
    /// For operators; `None`: where callers are.
    pub operators: Option<TcpListener>,
    /// For whoever wants to know how a process is that answers nobody else.
    pub watchers: Option<TcpListener>,
    /// What all of them show; `None`: they speak plain HTTP.
    pub certificate: Option<Certificate>,
}

impl Listeners {
    /// None yet, which are to show what these files hold.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub fn showing(files: Option<&TlsFiles>) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: files.map(Certificate::load).transpose()?,
            ..Self::default()
        })
    }
}

/// A server that is ready to run.
pub struct Server {
    config: Config,
    store: Store,
    service: Service,
    queue: Queue,
    cursors: CursorCodec,
    limiter: Limiter,
    authenticator: Arc<Authenticator>,
    authorization: AuthorizationServer,
    exporter: Option<Exporter>,
}

impl Server {
    /// Prepares a server over a store that is migrated.
    ///
    /// # Errors
    /// When the signing secret can be neither read nor made, or a setting or the bucket of files
    /// cannot be used.
    pub async fn new(config: Config, store: Store) -> Result<Self, Error> {
        let secret = secret(&config, &store).await?;
        let cursors = CursorCodec::new(&secret)?;
        let files = open_files(&config.files, store.backend(), &secret)?;
        let tokens = tokens_under(&secret, &config, &store)?;
        let queue = Queue::new(store.clone(), config.redis_url.as_deref())?;
        let service = service(&config, store.clone())?
            .with_queue(queue.clone())
            .with_files(files)
            .with_tokens(tokens.clone())
            .with_webhooks(&secret, config.webhooks.receivers.clone())?;
        let outside = OutsideIssuers::new(&config.oauth.issuers)?;
        let revocations = service.revocations().clone();
        let authenticator =
            Authenticator::new(store.clone(), tokens.clone(), outside, revocations.clone());
        let authenticator = Arc::new(authenticator.unguarded(config.unguarded.clone()));
        let oauth = OAuth::new(store.clone(), tokens, revocations, config.oauth.clone());
        let public_url = config.http.public_url.as_str();
        let authorization =
            AuthorizationServer::new(oauth, authenticator.clone(), public_url, &secret)?;
        let limits = config.limits.rate_limits.clone();
        let limiter = Limiter::new(limits, config.redis_url.as_deref());
        let limiter = limiter.map_err(|error| Error::Internal(Box::new(error)))?;
        Ok(Self {
            exporter: Exporter::open(&config.traces)?,
            config,
            store,
            service,
            queue,
            cursors,
            limiter,
            authenticator,
            authorization,
        })
    }

    /// The rules, for commands that act beside the server.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Answers requests on `listeners` until `stop` is ready; then sends callers elsewhere for
    /// `SHUTDOWN_DELAY_SECONDS`, and finishes what is in flight.
    ///
    /// # Errors
    /// When a listener cannot be used.
    pub async fn run(
        self,
        listeners: Listeners,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let authenticator = self.authenticator.clone();
        let (audit, writer) = Audit::start(self.store.clone());
        let exporter = self.exporter.clone();
        let upkeep = Upkeep::start(House {
            authenticator: authenticator.clone(),
            queue: self.queue.clone(),
            limiter: self.limiter.clone(),
        });
        let worker = self.start_worker().map_err(std::io::Error::other)?;
        let daily = self.start_backups();
        let renewal = listeners.certificate.clone().map(Renewal::start);
        let store = self.store.clone();
        let stop = stop.shared();
        let stopping = Stopping::default();
        let gone = leave(
            stop.clone(),
            stopping.clone(),
            self.config.http.shutdown_delay,
        );
        let answering = pin!(self.answer(listeners, gone.shared(), audit, stopping));
        let served = match select(answering, stop).await {
            Either::Left((served, _)) => served,
            Either::Right(((), answering)) => {
                // It claims nothing any more while requests finish.
                if let Some(worker) = &worker {
                    worker.stop();
                }
                answering.await
            }
        };
        if let Some(worker) = worker {
            worker.finish().await;
        }
        if let Some(renewal) = renewal {
            renewal.finish().await;
        }
        if let Some(daily) = daily {
            daily.finish().await;
        }
        upkeep.finish().await;
        writer.finish().await;
        if let Some(exporter) = exporter {
            exporter.finish().await;
        }
        store.close().await;
        served
    }

    fn start_worker(&self) -> Result<Option<Worker>, Error> {
        let is_on = self.config.worker.is_on;
        let start = || worker::start(&self.config, &self.service, self.queue.clone());
        is_on.then(start).transpose()
    }

    fn start_backups(&self) -> Option<Daily> {
        let config = self.config.backup.clone();
        if config.is_daily && self.store.backend() == Backend::Postgres {
            tracing::warn!("BACKUP_DIR is for SQLite: PostgreSQL is backed up by ops/backup");
            return None;
        }
        let backups = Backups::new(&self.config.database.url, config);
        self.config.backup.is_daily.then(|| Daily::start(backups))
    }

    async fn answer(
        self,
        listeners: Listeners,
        stop: impl Future<Output = ()> + Clone + Send,
        audit: Audit,
        stopping: Stopping,
    ) -> std::io::Result<()> {
        let (http, authenticator) = (self.config.http, self.authenticator);
        let public_url: Arc<str> = http.public_url.as_str().into();
        let traffic = Traffic::default();
        let sources = Sources {
            service: self.service.clone(),
            limiter: self.limiter.clone(),
            authenticator: authenticator.clone(),
            audit: audit.clone(),
            queue: self.queue.clone(),
        };
        let handlers = Arc::new(Handlers {
            metrics: Arc::new(metrics::registry(&traffic, sources)),
            stopping: stopping.clone(),
            storage_info: http.is_development.then(|| self.service.storage_info()),
            service: self.service,
            limiter: self.limiter.clone(),
            cursors: self.cursors,
            public_url: public_url.clone(),
            operator_url: http.operator_url().into(),
        });
        let edge = Edge {
            public_url,
            request_bytes: self.config.limits.request_bytes,
            request_time: self.config.limits.request_time,
            cors: Cors::new(http.cors_origins),
            proxies: (http.proxies, http.proxy_header),
            require_https: http.require_https,
            limiter: (!self.limiter.is_off()).then_some(self.limiter),
            audit: self.config.unguarded.is_none().then_some(audit),
            traffic,
            traces: self.exporter.as_ref().map(Exporter::traces),
            stopping,
        };
        let anonymous = Anonymous::reading_storage_of(self.config.storage.anonymous_gpt);
        let grace = http.shutdown_grace;
        let certificate = listeners
            .certificate
            .map(|certificate| certificate.acceptor());
        let tls = certificate.transpose()?;
        let accept = |listener| TidyAcceptor::new(listener, tls.clone());
        let mut served = Vec::new();
        if let Some(listener) = listeners.callers {
            let operators_too = listeners.operators.is_none();
            let endpoint = routes(handlers.clone(), self.authorization, operators_too)
                .data(authenticator.clone())
                .data(anonymous)
                .with(edge.clone());
            served.push(listen(accept(listener)?, endpoint, stop.clone(), grace).boxed());
        }
        let edge = Edge {
            cors: Cors::off(),
            ..edge
        };
        if let Some(listener) = listeners.operators {
            let endpoint = operator_routes(handlers.clone())
                .data(authenticator.clone())
                .with(edge.clone());
            served.push(listen(accept(listener)?, endpoint, stop.clone(), grace).boxed());
        }
        if let Some(listener) = listeners.watchers {
            let endpoint = watcher_routes(handlers).data(authenticator).with(edge);
            served.push(listen(accept(listener)?, endpoint, stop.clone(), grace).boxed());
        }
        let (served, ()) = tokio::join!(join_all(served), stop);
        served.into_iter().collect()
    }
}

/// Waits for `stop`, then says so to all who ask, and takes requests for `delay` all the same: a
/// balancer learns only by its next look that it is to send them elsewhere.
async fn leave(stop: impl Future<Output = ()>, stopping: Stopping, delay: Duration) {
    stop.await;
    stopping.begin();
    tracing::info!(delay_in_seconds = delay.as_secs(), "asked to stop");
    tokio::time::sleep(delay).await;
}

/// Answers requests that come to `acceptor` with `endpoint`.
async fn listen(
    acceptor: TidyAcceptor,
    endpoint: impl Endpoint + 'static,
    stop: impl Future<Output = ()> + Send,
    grace: Duration,
) -> std::io::Result<()> {
    PoemServer::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(endpoint, stop, Some(grace))
        .await
}

/// The service as configured, over a store that is migrated.
///
/// # Errors
/// When the bucket's settings cannot be used.
pub fn service(config: &Config, store: Store) -> Result<Service, Error> {
    let service = Service::new(store, config.limits.clone());
    Ok(match &config.storage.url {
        None => service,
        Some(url) => service.with_namespaces_in(Bucket::open(url, &config.storage.bucket)?),
    })
}

/// The service with webhooks, for a command that acts beside the server.
///
/// # Errors
/// When the server's secret can be neither read nor made, or the bucket's settings cannot be used.
pub async fn service_with_webhooks(config: &Config, store: Store) -> Result<Service, Error> {
    let secret = secret(config, &store).await?;
    service(config, store)?.with_webhooks(&secret, config.webhooks.receivers.clone())
}

/// What issues access tokens, for a command that acts beside the server.
///
/// # Errors
/// When the server's secret can be neither read nor made.
pub async fn tokens(config: &Config, store: &Store) -> Result<Tokens, Error> {
    tokens_under(&secret(config, store).await?, config, store)
}

fn tokens_under(secret: &[u8], config: &Config, store: &Store) -> Result<Tokens, Error> {
    let (issuer, lifetime) = (&config.http.public_url, config.oauth.access_token_time);
    Tokens::new(store.clone(), secret, issuer, lifetime)
}

/// The secret that signs cursors and links: configured, or made once and kept in the database, so that all
/// replicas have the same.
async fn secret(config: &Config, store: &Store) -> Result<Vec<u8>, Error> {
    if let Some(secret) = &config.secret_key {
        return Ok(secret.clone().into_bytes());
    }
    let mut fresh = [0; SECRET_BYTES];
    getrandom::fill(&mut fresh).map_err(|error| Error::Internal(Box::new(error)))?;
    Ok(store
        .get_or_insert_setting("secret_key", fresh.to_vec())
        .await?)
}
