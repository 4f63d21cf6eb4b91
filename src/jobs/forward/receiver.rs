//! Speaking to a receiver: one request, to an address that is allowed, no redirects.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, Response};

use super::message::Message;
use crate::clock::Timestamp;
use crate::error::{Error, chain};
use crate::receivers::{Receivers, Refused};

/// The most that is kept of why an attempt failed.
const ERROR_LENGTH: usize = 500;

/// How an attempt ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was accepted, with this status.
    Accepted(u16),
    /// The receiver wants nothing any more (410).
    Gone,
    /// It was not accepted.
    Failed {
        /// The status of the answer, if there was one.
        status: Option<u16>,
        /// Why.
        error: String,
        /// How long the receiver asks to be left alone.
        pause: Option<Duration>,
    },
}

/// Speaks to receivers.
pub(super) struct Deliverer {
    client: Client,
    receivers: Receivers,
}

impl Deliverer {
    /// One that speaks to `receivers` only, and waits so long for an answer.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(receivers: Receivers, timeout: Duration) -> Result<Self, Error> {
        // An error says that there is a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would look up the name again, and find what it likes.
            .no_proxy()
            .dns_resolver(Arc::new(Guarded(receivers.clone())))
            .build()
            .map_err(|error| Error::Internal(Box::new(error)))?;
        Ok(Self { client, receivers })
    }

    /// Sends `message` to `url`, signed with all `keys`.
    pub(super) async fn deliver(&self, url: &str, message: &Message, keys: &[Vec<u8>]) -> Answer {
        // What is allowed may have changed since the operator named the URL.
        let url = match self.receivers.check(url) {
            Ok(url) => url,
            Err(refused) => return Answer::failed(None, format!("the URL {refused}")),
        };
        let second = Timestamp::now().as_seconds();
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(
                USER_AGENT,
                concat!("gpt-object-store/", env!("CARGO_PKG_VERSION")),
            )
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", second)
            .header("webhook-signature", message.sign(keys, second))
            .body(message.body.clone());
        match request.send().await {
            Ok(response) => Answer::of(&response),
            Err(error) => Answer::failed(None, chain(&error.without_url())),
        }
    }
}

impl Answer {
    fn of(response: &Response) -> Self {
        let status = response.status();
        if status.is_success() {
            return Self::Accepted(status.as_u16());
        }
        if status == reqwest::StatusCode::GONE {
            return Self::Gone;
        }
        let error = match status.is_redirection() {
            true => format!("answered {status}: redirects are not followed, so name the new URL"),
            false => format!("answered {status}"),
        };
        let pause = response.headers().get(RETRY_AFTER);
        let pause = pause.and_then(|pause| pause.to_str().ok()?.parse().ok());
        Self::Failed {
            status: Some(status.as_u16()),
            error,
            pause: pause.map(Duration::from_secs),
        }
    }

    fn failed(status: Option<u16>, error: String) -> Self {
        Self::Failed {
            status,
            error: error.chars().take(ERROR_LENGTH).collect(),
            pause: None,
        }
    }
}

/// Looks names up, and gives only those addresses that a receiver may have. What it gives is what is
/// connected to: nothing looks again in between.
struct Guarded(Receivers);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let receivers = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = found.filter(|found| receivers.allow(found.ip()));
            let allowed: Vec<SocketAddr> = allowed.collect();
            if allowed.is_empty() {
                return Err(Box::from(Refused::Internal));
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
