//! Accepts connections without Nagle's delay, and without spinning when there are no descriptors.

use std::io;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream};

/// How long to wait after a failed accept, such as one for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// A TCP acceptor whose connections send at once (`TCP_NODELAY`).
pub(super) struct NoDelayAcceptor(TcpAcceptor);

impl NoDelayAcceptor {
    /// Accepts on `listener`.
    pub(super) fn new(listener: TcpListener) -> io::Result<Self> {
        TcpAcceptor::from_tokio(listener).map(Self)
    }
}

impl Acceptor for NoDelayAcceptor {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        match self.0.accept().await {
            Ok(accepted) => {
                accepted.0.set_nodelay(true)?;
                Ok(accepted)
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                Err(error)
            }
        }
    }
}
