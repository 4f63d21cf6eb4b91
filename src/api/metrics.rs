//! `/metrics`, for Prometheus: how the server is, in the OpenMetrics text format.
//!
//! For callers on this machine or a private network, and for operators' keys: the figures are nobody
//! else's business. What comes through a proxy that is not trusted has the proxy's address, so it is
//! not taken for local.

use std::net::IpAddr;
use std::sync::Arc;

use poem::http::HeaderName;
use poem::http::header::{FORWARDED, VIA};
use poem::{Endpoint, Request, Response, Route, get};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::edge::Call;
use super::problem::Problem;
use crate::auth::{Authenticator, Operator, bearer_token};
use crate::error::{Error, Unauthorized};

/// Where it is.
pub(super) const PATH: &str = "/metrics";
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What proxies set.
const PROXIES: [HeaderName; 4] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

/// Adds the endpoint to `route`.
pub(super) fn add(route: Route, registry: Arc<Registry>) -> Route {
    route.at(PATH, get(Metrics(registry)))
}

struct Metrics(Arc<Registry>);

impl Endpoint for Metrics {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if !is_local(&request) {
            authorize(&request).await?;
        }
        let mut text = String::new();
        encode(&mut text, &self.0).map_err(|error| {
            let error = Error::Internal(Box::new(error));
            Problem::from(error)
        })?;
        Ok(Response::builder().content_type(CONTENT_TYPE).body(text))
    }
}

/// Whether the request comes from this machine or a private network.
fn is_local(request: &Request) -> bool {
    let client = Call::of(request).address();
    let peer = request.remote_addr().as_socket_addr();
    let is_peer = peer.is_some_and(|peer| peer.ip().to_canonical() == client);
    let came_through = PROXIES
        .iter()
        .any(|header| request.headers().contains_key(header));
    is_private(client) && !(is_peer && came_through)
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

async fn authorize(request: &Request) -> Result<(), Problem> {
    let call = Call::of(request);
    let verified = match (bearer_token(request), request.data::<Arc<Authenticator>>()) {
        (Some(shown), Some(authenticator)) => authenticator.verify(shown).await,
        (None, _) | (_, None) => Err(Error::Unauthorized(Unauthorized::Missing)),
    };
    match verified {
        Ok(principal) => Ok(Operator::authorize(principal).map(|_| ())?),
        Err(Error::Unauthorized(why)) => Err(call.refuse(why).await),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_are_known() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("192.168.1.1", true),
            ("169.254.0.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("8.8.8.8", false),
            ("172.32.0.1", false),
            ("2001:db8::1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
        }
    }
}
