//! What a caller still sends after it was answered.
//!
//! A request may be refused before its body was read: no key, too large, no room. If the connection
//! were closed then, many clients, busy writing, would meet a broken pipe and never see why. So what
//! is still coming is read and thrown away for a while.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use poem::http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use poem::{Body, Request};
use tokio::runtime::Handle;

/// How long the rest of a body is read for nobody.
const TIME: Duration = Duration::from_secs(3);
/// How much of it, in bytes.
const BYTES: usize = 64 << 20;

/// Makes what nobody reads of the request's body be read after all.
pub(super) fn on_the_rest(request: &mut Request) {
    let headers = request.headers();
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length != "0");
    // Who asks first sends nothing once it is refused.
    if has_body && !headers.contains_key(EXPECT) {
        let body = request.take_body().into_bytes_stream().boxed();
        request.set_body(Body::from_bytes_stream(Lingering(Some(body))));
    }
}

/// A body that is read on after it was dropped.
struct Lingering(Option<BoxStream<'static, io::Result<Bytes>>>);

impl Stream for Lingering {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let next = body.poll_next_unpin(context);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        next
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async { tokio::time::timeout(TIME, read(rest)).await });
        }
    }
}

async fn read(mut rest: BoxStream<'static, io::Result<Bytes>>) {
    let mut bytes = 0;
    while let Some(Ok(piece)) = rest.next().await {
        bytes += piece.len();
        if bytes > BYTES {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::stream;

    use super::*;

    /// A request whose body counts how many of its ten pieces were read.
    fn counted(count: &Arc<AtomicUsize>) -> Request {
        let count = count.clone();
        let pieces = stream::iter(0..10).map(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, io::Error>("piece")
        });
        Request::builder()
            .header(TRANSFER_ENCODING, "chunked")
            .body(Body::from_bytes_stream(pieces))
    }

    #[tokio::test]
    async fn what_is_dropped_is_read_to_its_end() {
        let count = Arc::new(AtomicUsize::new(0));
        let mut request = counted(&count);
        on_the_rest(&mut request);
        let mut body = request.take_body().into_bytes_stream();
        assert_eq!(body.next().await.unwrap().unwrap(), "piece");
        drop(body);
        tokio::time::timeout(TIME, async {
            while count.load(Ordering::SeqCst) < 10 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn who_asks_first_is_not_read() {
        let count = Arc::new(AtomicUsize::new(0));
        let mut request = counted(&count);
        request
            .headers_mut()
            .insert(EXPECT, "100-continue".parse().unwrap());
        on_the_rest(&mut request);
        drop(request);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }
}
