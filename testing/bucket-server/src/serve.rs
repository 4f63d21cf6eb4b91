//! A listener, and what every server here shares: planned faults, and panics that stay in one
//! connection.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::faults::{Faults, Server};

/// The body of every answer.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// What answers requests.
pub trait Answer: Send + Sync + 'static {
    /// The answer to `request`.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

impl<A: Answer> Answer for Arc<A> {
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send {
        A::answer(self, request)
    }
}

/// Serves on a free port, and returns its URL; `faults` strike before `server` sees a request.
///
/// # Errors
/// When the system gives no port.
pub async fn start(server: impl Answer, faults: Option<(Server, Arc<Faults>)>) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let shared = Arc::new((server, faults));
    tokio::spawn(async move {
        loop {
            // A connection that failed before it was accepted is its caller's to notice.
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
        }
    });
    Ok(url)
}

/// A text as a body.
pub fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An answer of a status and a text.
pub fn plain(status: StatusCode, words: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(text(words));
    *response.status_mut() = status;
    response
}

type Shared<A> = Arc<(A, Option<(Server, Arc<Faults>)>)>;

async fn converse<A: Answer>(stream: TcpStream, shared: Shared<A>) {
    // Small answers wait for nothing.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(request, &shared).await) }
    });
    // A caller that breaks off, as tests do on purpose, is no error of ours.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond<A: Answer>(request: Request<Incoming>, shared: &Shared<A>) -> Response<Body> {
    let (server, faults) = shared.as_ref();
    let planned = faults
        .as_ref()
        .and_then(|(name, faults)| faults.strike(*name, request.method(), request.uri()));
    match planned {
        Some(status) => {
            // An answer before the end of the request would look like a broken connection.
            let _ = request.into_body().collect().await;
            plain(status, "planned")
        }
        None => server.answer(request).await,
    }
}
