//! From an address and a key to a client.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use std::time::Duration;

use crate::Client;

/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long the server may stay silent within an answer.
const READ_TIME: Duration = Duration::from_secs(45);

/// Why a client could not be made.
#[derive(Debug)]
pub enum ConnectError {
    /// The key has characters that no header can carry.
    Key,
    /// The HTTP client could not be set up.
    Http(reqwest::Error),
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key => f.write_str("the key has characters that no header can carry"),
            Self::Http(_) => f.write_str("the HTTP client could not be set up"),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Key => None,
            Self::Http(error) => Some(error),
        }
    }
}

impl Client {
    /// A client of the server at `url` (such as `https://store.example.com`) that sends `key`.
    ///
    /// It keeps connections open and has no limit on the length of an answer, only on silence.
    /// For other settings, make a [`reqwest::Client`] and use [`Client::new_with_client`].
    ///
    /// # Errors
    /// [`ConnectError::Key`] for a key that is none; [`ConnectError::Http`] when TLS cannot be set up.
    pub fn connect(url: &str, key: &str) -> Result<Self, ConnectError> {
        Ok(Self::new_with_client(
            url.trim_end_matches('/'),
            authorized(key)?,
        ))
    }
}

/// An HTTP client that sends `key` with every request.
pub(crate) fn authorized(key: &str) -> Result<reqwest::Client, ConnectError> {
    let mut bearer =
        HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| ConnectError::Key)?;
    bearer.set_sensitive(true);
    #[cfg(feature = "tls")]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race against another thread leaves a provider in place just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    reqwest::Client::builder()
        .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
        .connect_timeout(CONNECT_TIME)
        .read_timeout(READ_TIME)
        .build()
        .map_err(ConnectError::Http)
}
