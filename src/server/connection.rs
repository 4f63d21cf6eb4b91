//! A connection from its first byte: plain, or secured by a handshake that its first reader makes, so
//! that a slow one keeps nobody else from being accepted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Timeout, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A TCP connection that ends after a long silence.
type Tcp = Pin<Box<TimeoutStream<TcpStream>>>;

/// A connection that the server reads requests from.
pub(super) enum Connection {
    /// Without TLS.
    Plain(Tcp),
    /// Before its first byte.
    Handshaking(Pin<Box<Timeout<Accept<Tcp>>>>),
    /// With TLS.
    Secure(Box<TlsStream<Tcp>>),
    /// The handshake failed.
    Failed,
}

/// What can be done with either kind.
trait Stream: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Stream for T {}

impl Connection {
    /// A connection that speaks TLS if there is an acceptor for it.
    pub(super) fn new(stream: TimeoutStream<TcpStream>, tls: Option<&TlsAcceptor>) -> Self {
        let stream = Box::pin(stream);
        match tls {
            None => Self::Plain(stream),
            Some(tls) => Self::Handshaking(Box::pin(timeout(HANDSHAKE, tls.accept(stream)))),
        }
    }

    /// The stream of bytes, once the handshake is made.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Stream>>> {
        if let Self::Handshaking(handshake) = self {
            let made = ready!(handshake.as_mut().poll(cx));
            *self = Self::Failed;
            *self = Self::Secure(Box::new(made.map_err(io::Error::from)??));
        }
        let stream: Pin<&mut dyn Stream> = match self {
            Self::Plain(stream) => Pin::<&mut Tcp>::new(stream),
            Self::Secure(stream) => Pin::<&mut TlsStream<Tcp>>::new(stream),
            Self::Handshaking(_) | Self::Failed => {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            }
        };
        Poll::Ready(Ok(stream))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_stream(cx))?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_stream(cx))?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_stream(cx))?.poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Secure(stream) => stream.is_write_vectored(),
            Self::Handshaking(_) => true,
            Self::Failed => false,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_stream(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_stream(cx))?.poll_shutdown(cx)
    }
}
