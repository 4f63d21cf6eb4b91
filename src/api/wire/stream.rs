//! Bodies as they arrive, in constant memory, and answers that are bytes.

use std::fmt;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use poem::http::header::CONTENT_LENGTH;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::{Faults, Pace};
use crate::api::problem::Problem;
use crate::error::{Error, chain};

/// Bytes that come piece by piece, or why they stopped.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// A body that has arrived with its headers, and is to be read as a stream.
pub(super) struct Arriving {
    /// The header `Content-Type`, empty when there is none.
    pub content_type: String,
    /// The header `Content-Length`.
    pub length: Option<u64>,
    pace: Pace,
    body: poem::Result<Body>,
}

impl Arriving {
    pub(super) fn of(request: &Request, body: &mut RequestBody) -> Self {
        let length = request.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            content_type: request.content_type().unwrap_or_default().to_owned(),
            length,
            pace: request.data::<Pace>().cloned().unwrap_or_default(),
            body: body.take().map_err(poem::Error::from),
        }
    }

    /// The bytes. From now on the request's time is limited by silence alone.
    pub(super) fn into_stream(
        self,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, Problem> {
        let body = self.body.map_err(Problem::from)?;
        let pace = self.pace;
        pace.renew();
        Ok(body.into_bytes_stream().inspect_ok(move |_| pace.renew()))
    }
}

/// A body of plain bytes that has not been read. Any media type is taken: it is not looked into,
/// and what sends a part to a signed URL seldom says `application/octet-stream`.
pub struct BytesBody(Arriving);

impl BytesBody {
    /// The bytes; there is nothing that could be wrong with them yet.
    ///
    /// # Errors
    /// When the body was taken before.
    #[expect(
        clippy::unused_async,
        reason = "the generated routes read every body in the same way"
    )]
    pub async fn read(self, _faults: &mut Faults) -> Result<Option<IncomingBytes>, Problem> {
        let length = self.0.length;
        let content = self.0.into_stream()?.map_err(|_| Error::IncompleteBody);
        Ok(Some(IncomingBytes {
            length,
            content: content.boxed(),
        }))
    }
}

impl BytesBody {
    pub(super) fn of(request: &Request, body: &mut RequestBody) -> Self {
        Self(Arriving::of(request, body))
    }

    /// A body of bytes in the document, under `content_type`.
    pub(super) fn meta(content_type: &'static str) -> MetaMediaType {
        let bytes = MetaSchema {
            ty: "string",
            format: Some("binary"),
            ..MetaSchema::ANY
        };
        MetaMediaType {
            content_type,
            schema: MetaSchemaRef::Inline(Box::new(bytes)),
        }
    }
}

impl<'a> ApiExtractor<'a> for BytesBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: Vec::from([Self::meta("application/octet-stream")]),
            required: true,
        })
    }

    /// Takes the body without reading it, so that authorisation comes first.
    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self::of(request, body))
    }
}

/// A request body of bytes on its way in.
pub struct IncomingBytes {
    /// How many were announced.
    pub length: Option<u64>,
    content: ByteStream,
}

impl fmt::Debug for IncomingBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IncomingBytes({:?})", self.length)
    }
}

impl IncomingBytes {
    /// The bytes, which end in [`Error::FileTooLarge`] once there are more than `limit`.
    ///
    /// # Errors
    /// The same at once, when more than `limit` were announced.
    pub fn up_to(self, limit: u64) -> Result<ByteStream, Error> {
        if self.length.is_some_and(|length| length > limit) {
            return Err(Error::FileTooLarge { limit });
        }
        let counted =
            stream::try_unfold((self.content, 0), move |(mut content, seen)| async move {
                let Some(bytes) = content.try_next().await? else {
                    return Ok(None);
                };
                let seen = seen + bytes.len() as u64;
                if seen > limit {
                    return Err(Error::FileTooLarge { limit });
                }
                Ok(Some((bytes, (content, seen))))
            });
        Ok(counted.boxed())
    }
}

/// `stream`, which makes its reader wait a moment after each item.
///
/// A reader that takes whatever is ready before it hands anything on, as multer does, then holds
/// one item and not as many as the network delivers.
pub(super) fn one_at_a_time<T: 'static>(
    stream: impl Stream<Item = T> + Send + 'static,
) -> impl Stream<Item = T> + Send + 'static {
    let mut stream = stream.boxed();
    let mut has_given = false;
    stream::poll_fn(move |context| {
        if std::mem::take(&mut has_given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = stream.poll_next_unpin(context);
        has_given = matches!(polled, Poll::Ready(Some(_)));
        polled
    })
}

/// An answer of bytes.
pub struct Download {
    /// The media type.
    pub content_type: String,
    /// How many there are.
    pub length: u64,
    /// The bytes.
    pub content: ByteStream,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Download({}, {})", self.content_type, self.length)
    }
}

impl Download {
    /// The bytes as a body. When they stop, so does the connection, since the status is gone
    /// already; the log says why.
    pub(super) fn into_body(self) -> Body {
        let content = unless_silent(self.content, Pace::default().patience());
        Body::from_bytes_stream(content.map_err(|error| {
            let cause = chain(&error);
            tracing::error!(cause, "an answer broke off");
            io::Error::other(error)
        }))
    }
}

/// `content`, which fails when nothing comes for as long as `patience`.
///
/// The time that the caller takes to read does not count: nothing is asked for meanwhile.
fn unless_silent(content: ByteStream, patience: Duration) -> ByteStream {
    let timed = stream::try_unfold(content, move |mut content| async move {
        match tokio::time::timeout(patience, content.try_next()).await {
            Ok(next) => Ok(next?.map(|bytes| (bytes, content))),
            Err(elapsed) => Err(Error::Unavailable(Box::new(elapsed))),
        }
    });
    timed.boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn incoming(chunks: Vec<Result<&'static str, Error>>, length: Option<u64>) -> IncomingBytes {
        let chunks = chunks.into_iter();
        let chunks = chunks.map(|chunk| chunk.map(|text| Bytes::from_static(text.as_bytes())));
        IncomingBytes {
            length,
            content: stream::iter(chunks.collect::<Vec<_>>()).boxed(),
        }
    }

    async fn text(content: ByteStream) -> Result<String, Error> {
        let whole: Vec<Bytes> = content.try_collect().await?;
        Ok(String::from_utf8(whole.concat()).unwrap())
    }

    #[tokio::test]
    async fn bytes_are_taken_up_to_the_limit_and_no_further() {
        let five = || incoming(vec![Ok("abc"), Ok("de")], None);
        assert_eq!(text(five().up_to(5).unwrap()).await.unwrap(), "abcde");
        let error = text(five().up_to(4).unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::FileTooLarge { limit: 4 }), "{error}");
    }

    #[test]
    fn too_many_announced_bytes_are_refused_unread() {
        let error = incoming(vec![], Some(6)).up_to(5).err().unwrap();
        assert!(matches!(error, Error::FileTooLarge { limit: 5 }), "{error}");
        assert!(incoming(vec![], Some(5)).up_to(5).is_ok());
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_says_so() {
        let chunks = [Ok("abc"), Err(io::Error::other("gone"))];
        let body = Body::from_bytes_stream(stream::iter(chunks));
        let (request, mut body) = Request::builder().body(body).split();
        let body = BytesBody(Arriving::of(&request, &mut body));
        let read = body.read(&mut Faults::default()).await.unwrap().unwrap();
        let error = text(read.up_to(10).unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::IncompleteBody), "{error}");
    }

    #[tokio::test]
    async fn each_piece_renews_the_time_of_the_request() {
        let pace = Pace::new(Duration::from_millis(600));
        let pieces = stream::unfold(0, |count| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            (count < 8).then_some((Ok::<_, io::Error>("x"), count + 1))
        });
        let mut request = Request::builder().body(Body::from_bytes_stream(pieces));
        request.set_data(pace.clone());
        let (request, mut body) = request.split();
        let content = Arriving::of(&request, &mut body).into_stream().unwrap();
        tokio::select! {
            () = pace.lost() => panic!("it was lost while bytes came"),
            count = content.count() => assert_eq!(count, 8),
        }
        pace.lost().await;
    }

    #[tokio::test]
    async fn a_greedy_reader_gets_one_piece_at_a_time() {
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = taken.clone();
        let source = stream::iter(0..100).inspect(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let mut slow = Box::pin(one_at_a_time(source));
        futures::future::poll_fn(|context| {
            while slow.poll_next_unpin(context).is_ready() {}
            Poll::Ready(())
        })
        .await;
        assert_eq!(taken.load(Ordering::Relaxed), 1);
        assert_eq!(slow.count().await, 99);
    }

    #[tokio::test]
    async fn an_answer_ends_when_its_source_falls_silent() {
        let patience = Duration::from_millis(30);
        let source = stream::iter([Ok(Bytes::from_static(b"a"))]).chain(stream::pending());
        let error = text(unless_silent(source.boxed(), patience))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
    }
}
