//! Accepts connections: without Nagle's delay, not for ever silent, and without spinning when there
//! are no file descriptors.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;

/// How long to wait after a failed accept, such as one for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a connection may be silent, between requests or within one, before it is closed.
const SILENCE: Duration = Duration::from_secs(75);

/// A TCP acceptor whose connections send at once (`TCP_NODELAY`) and end after a long silence.
pub(super) struct TidyAcceptor(TcpAcceptor);

impl TidyAcceptor {
    /// Accepts on `listener`.
    pub(super) fn new(listener: TcpListener) -> io::Result<Self> {
        TcpAcceptor::from_tokio(listener).map(Self)
    }
}

impl Acceptor for TidyAcceptor {
    type Io = Pin<Box<TimeoutStream<TcpStream>>>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        match self.0.accept().await {
            Ok((stream, local, remote, scheme)) => {
                stream.set_nodelay(true)?;
                let mut stream = TimeoutStream::new(stream);
                stream.set_read_timeout(Some(SILENCE));
                stream.set_write_timeout(Some(SILENCE));
                Ok((Box::pin(stream), local, remote, scheme))
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                Err(error)
            }
        }
    }
}
