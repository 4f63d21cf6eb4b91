//! Accepts connections: without Nagle's delay, not for ever silent, and without spinning when there
//! are no file descriptors.

use std::io;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::TcpListener;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use super::connection::Connection;

/// How long to wait after a failed accept, such as one for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a connection may be silent, between requests or within one, before it is closed.
const SILENCE: Duration = Duration::from_secs(75);

/// A TCP acceptor whose connections send at once (`TCP_NODELAY`) and end after a long silence.
pub(super) struct TidyAcceptor {
    plain: TcpAcceptor,
    tls: Option<TlsAcceptor>,
}

impl TidyAcceptor {
    /// Accepts on `listener`, with TLS if there is a `tls`.
    pub(super) fn new(listener: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let plain = TcpAcceptor::from_tokio(listener)?;
        Ok(Self { plain, tls })
    }
}

impl Acceptor for TidyAcceptor {
    type Io = Connection;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.plain.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        match self.plain.accept().await {
            Ok((stream, local, remote, plain)) => {
                stream.set_nodelay(true)?;
                let mut stream = TimeoutStream::new(stream);
                stream.set_read_timeout(Some(SILENCE));
                stream.set_write_timeout(Some(SILENCE));
                let tls = self.tls.as_ref();
                let scheme = tls.map_or(plain, |_| Scheme::HTTPS);
                Ok((Connection::new(stream, tls), local, remote, scheme))
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                Err(error)
            }
        }
    }
}
