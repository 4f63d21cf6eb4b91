//! The edge: what happens around every request, whatever it asks for.
//!
//! In order: a request id; whether it came over HTTPS; the rate limit of its address; the limits on size and time; a net under
//! panics; every failure written as a problem document; security headers; one line in the log, and
//! for a call with a good key one in the record of calls.

mod call;
mod cors;
mod linger;
mod methods;
mod rates;
mod record;
mod redact;
mod secure;
mod trace;
mod traffic;

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response};
use uuid::Uuid;

pub use call::{Behalf, Call};
pub use cors::Cors;
pub use trace::Traces;
pub use traffic::Traffic;

use super::generated::types::ProblemCode;
use super::problem::Problem;
use super::wire::{BodyLimit, Pace};
use crate::error::{Error, chain};
use crate::limits::{ForwardingHeader, Limiter, Proxies};
use crate::service::Audit;
use crate::stopping::Stopping;
use record::Told;
use redact::redact;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id that is taken over from the caller.
const REQUEST_ID_LENGTH: usize = 128;
/// The longest path and query.
const URI_LENGTH: usize = 32 << 10;
/// What is not limited, since those who ask are to be told how the service is, not how often.
const HEALTH: [&str; 2] = ["/health", "/health/ready"];

/// What the edge needs to know.
#[derive(Clone)]
pub struct Edge {
    /// What the outside calls us, without a slash at the end.
    pub public_url: Arc<str>,
    /// The largest request body, in bytes.
    pub request_bytes: usize,
    /// How long a request may take; one whose body streams, how long it may be silent.
    pub request_time: Duration,
    /// Which pages may call from a browser.
    pub cors: Cors,
    /// The proxies in front of us, and where they write whom a request comes from.
    pub proxies: (Proxies, ForwardingHeader),
    /// Whether only what came over HTTPS is answered.
    pub require_https: bool,
    /// How often addresses and keys may call; `None`: as often as they like.
    pub limiter: Option<Limiter>,
    /// Where calls are recorded, if they are.
    pub audit: Option<Audit>,
    /// Where requests are counted.
    pub traffic: Traffic,
    /// Where they are traced, if they are.
    pub traces: Option<Traces>,
    /// Whether callers are sent elsewhere.
    pub stopping: Stopping,
}

impl<E: Endpoint> Middleware<E> for Edge {
    type Output = EdgeEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        EdgeEndpoint {
            edge: self.clone(),
            inner,
        }
    }
}

/// An endpoint behind the edge.
pub struct EdgeEndpoint<E> {
    edge: Edge,
    inner: E,
}

/// What is known of a request before it is handed on.
struct Seen {
    id: String,
    method: Method,
    path: String,
    version: Version,
    origin: Option<HeaderValue>,
    is_secure: bool,
    start: Instant,
}

impl<E: Endpoint> Endpoint for EdgeEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let seen = Seen {
            id: request_id(&request),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            version: request.version(),
            origin: request.headers().get(header::ORIGIN).cloned(),
            is_secure: self.edge.came_securely(&request),
            start: Instant::now(),
        };
        let in_flight = self.edge.traffic.enter();
        let traces = self.edge.traces.as_ref();
        let begun = traces.map(|traces| (traces, traces.begin(request.headers())));
        let wants_timing = trace::wants_timing(request.headers());
        let (told, call) = (Told::of(&request), self.edge.call(&request));
        let answered = match self.edge.require_https(&seen.path, seen.is_secure) {
            Ok(()) => self.answer(request, &call).await,
            Err(problem) => Err(problem),
        };
        let (mut response, problem) = self.edge.complete(&seen, answered);
        let decisions = call.decisions();
        rates::state(&decisions, response.headers_mut());
        rates::log(&seen.id, &call, &decisions);
        let status = response.status();
        if wants_timing {
            trace::set_timing(&seen, &call, response.headers_mut());
        }
        let trace_id = begun.map(|(traces, begun)| traces.end(begun, &seen, &call, status));
        log(&seen, status, problem.as_ref(), trace_id.as_deref());
        drop(in_flight);
        self.edge.count(&seen, &call, status);
        let record = told.call(&seen, &call, status.as_u16());
        if let (Some(audit), Some(record)) = (&self.edge.audit, record) {
            audit.record(record).await;
        }
        Ok(response)
    }
}

impl<E: Endpoint> EdgeEndpoint<E> {
    async fn answer(&self, mut request: Request, call: &Call) -> Result<Response, Problem> {
        let uri_length = request
            .uri()
            .path_and_query()
            .map_or(0, |uri| uri.as_str().len());
        if uri_length > URI_LENGTH {
            let detail = format!("The path and query are longer than {URI_LENGTH} bytes.");
            return Err(Problem::new(ProblemCode::UriTooLong, detail));
        }
        if let Some(preflight) = self.edge.cors.preflight(&request) {
            return Ok(preflight);
        }
        linger::on_the_rest(&mut request);
        if !HEALTH.contains(&request.uri().path()) {
            call.admit_address().await?;
        }
        request.set_data(call.clone());
        // Ranges are for GET alone (RFC 9110, 14.2), and a HEAD goes on as one.
        if request.method() == Method::HEAD {
            request.headers_mut().remove(header::RANGE);
        }
        request.set_data(BodyLimit(self.edge.request_bytes));
        // Only bodies that stream renew it; to any other request it is a fixed time.
        let pace = Pace::new(self.edge.request_time);
        request.set_data(pace.clone());
        let inner = pace.clone().keep(self.inner.call(request));
        let inner = AssertUnwindSafe(inner).catch_unwind();
        tokio::select! {
            // What is ready is answered, even if its time is over too.
            biased;
            answered = inner => match answered {
                Ok(Ok(output)) => Ok(output.into_response()),
                Ok(Err(error)) => Err(Problem::from(error)),
                Err(panic) => Err(panicked(panic.as_ref())),
            },
            () = pace.lost() => Err(self.edge.timed_out()),
        }
    }
}

impl Edge {
    /// The request as the routes will know it too.
    fn call(&self, request: &Request) -> Call {
        let peer = request.remote_addr().as_socket_addr();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip);
        let (proxies, header) = &self.proxies;
        let lines = request.headers().get_all(header.name());
        let lines: Vec<_> = lines.iter().filter_map(|line| line.to_str().ok()).collect();
        let address = proxies.client(peer, *header, lines.into_iter());
        Call::new(address, self.limiter.clone())
    }

    fn count(&self, seen: &Seen, call: &Call, status: StatusCode) {
        let operation = call.operation().map(|operation| operation.id);
        self.traffic
            .note(operation, status.as_u16(), seen.start.elapsed());
    }

    fn timed_out(&self) -> Problem {
        let detail = format!(
            "The request was not complete within {} seconds.",
            self.request_time.as_secs()
        );
        Problem::new(ProblemCode::RequestTimeout, detail)
    }

    /// Writes a problem down, if that is what came, and adds the headers that every answer has.
    fn complete(
        &self,
        seen: &Seen,
        answered: Result<Response, Problem>,
    ) -> (Response, Option<Problem>) {
        let (mut response, problem) = match answered {
            Ok(mut response) => {
                let problem = response.extensions_mut().remove::<Problem>();
                (response, problem)
            }
            Err(problem) => (Response::default(), Some(problem)),
        };
        let problem = problem.map(|problem| methods::with_allowed(problem, &seen.path));
        if let Some(problem) = &problem {
            response = problem.write(&self.public_url, &seen.path, &seen.id);
        }
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&seen.id) {
            headers.insert(REQUEST_ID, id);
        }
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        if seen.is_secure {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, secure::STRICT);
        }
        self.cors.allow(seen.origin.as_ref(), &seen.path, headers);
        // Whoever keeps a connection is to open the next one elsewhere. HTTP/2 has no such header.
        if self.stopping.has_begun() && seen.version <= Version::HTTP_11 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        (response, problem)
    }
}

/// The caller's request id when it is fit to be logged, else a new one.
fn request_id(request: &Request) -> String {
    let is_fit = |id: &&str| {
        let visible = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<');
        (1..=REQUEST_ID_LENGTH).contains(&id.len()) && id.bytes().all(visible) && redact(id) == *id
    };
    let sent = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok());
    sent.filter(is_fit)
        .map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

fn panicked(panic: &(dyn Any + Send)) -> Problem {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let cause = format!("panic: {}", text.unwrap_or("without a text"));
    Error::Internal(cause.into()).into()
}

fn log(seen: &Seen, status: StatusCode, problem: Option<&Problem>, trace_id: Option<&str>) {
    let milliseconds = seen.start.elapsed().as_secs_f64() * 1000.0;
    let cause = problem.and_then(Problem::cause).map(chain);
    let (method, status) = (seen.method.as_str(), status.as_u16());
    let path = &*redact(&seen.path);
    let code = problem.map(|problem| problem.code().as_str());
    match cause {
        Some(cause) if status >= 500 => {
            tracing::error!(
                request_id = seen.id,
                trace_id,
                method,
                path,
                status,
                milliseconds,
                code,
                cause,
                "request failed"
            );
        }
        _ => tracing::info!(
            request_id = seen.id,
            trace_id,
            method,
            path,
            status,
            milliseconds,
            code,
            "request"
        ),
    }
}

#[cfg(test)]
mod tests;
