//! Whether a request came over HTTPS, to us or to a proxy that we trust, and what follows.

use std::net::SocketAddr;

use poem::Request;
use poem::http::HeaderValue;
use poem::http::uri::Scheme;

use super::{Edge, HEALTH};
use crate::api::generated::types::ProblemCode;
use crate::api::metrics;
use crate::api::problem::Problem;

/// For a year browsers come over HTTPS alone (RFC 6797). They believe it only when it came so.
pub(super) const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");

impl Edge {
    /// Whether the client spoke HTTPS.
    pub(super) fn came_securely(&self, request: &Request) -> bool {
        let (proxies, header) = &self.proxies;
        let peer = request.remote_addr().as_socket_addr();
        let lines = request.headers().get_all(header.scheme_name());
        let mut lines = lines.iter().filter_map(|line| line.to_str().ok());
        *request.scheme() == Scheme::HTTPS
            || peer
                .map(SocketAddr::ip)
                .is_some_and(|peer| proxies.say_https(peer, *header, lines.next()))
    }

    /// Refuses what came in plain, where that is so configured: whoever listened has read the key by
    /// now, and the sender should learn of it before others do. How the service is may be asked by
    /// those who stand beside it, health checks and Prometheus.
    ///
    /// # Errors
    /// 403, with the address to use.
    pub(super) fn require_https(&self, path: &str, is_secure: bool) -> Result<(), Problem> {
        let is_watched = HEALTH.contains(&path) || path == metrics::PATH;
        if is_secure || is_watched || !self.require_https {
            return Ok(());
        }
        let detail = format!(
            "This service is used over HTTPS alone, at {}. A key that was sent in plain should be \
             replaced.",
            self.public_url
        );
        Err(Problem::new(ProblemCode::HttpsRequired, detail))
    }
}
