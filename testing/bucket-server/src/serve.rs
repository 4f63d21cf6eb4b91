//! A listener, and what every server here shares: planned faults, and panics that stay in one
//! connection.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyDataStream, BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::faults::{Blow, Faults, Server};

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
        Some(Blow::Status(status)) => {
            // An answer before the end of the request would look like a broken connection.
            let _ = request.into_body().collect().await;
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            plain(status, "planned")
        }
        Some(Blow::Cut(length)) => server.answer(request).await.map(|body| cut(body, length)),
        None => server.answer(request).await,
    }
}

/// The beginning of a body, and then an error, which breaks the connection.
fn cut(body: Body, length: u64) -> Body {
    let mut left = length;
    let frames = BodyDataStream::new(body).map(move |bytes| {
        let bytes = bytes?;
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or("the answer was planned to break off here")?;
        Ok(Frame::data(bytes))
    });
    StreamBody::new(frames).boxed_unsync()
}
