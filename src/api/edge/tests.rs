//! How long a request may take, by what it sends.

use bytes::Bytes;
use futures::{StreamExt, stream};
use poem::Body;
use poem::endpoint::make;
use poem_openapi::{ApiExtractor, ExtractParamOptions};

use super::*;
use crate::api::generated::types::CreateObjectRequest;
use crate::api::wire::{BytesBody, Faults, JsonBody};

const PATIENCE: Duration = Duration::from_millis(150);

fn edge() -> Edge {
    Edge {
        cors: Cors::new(None),
        public_url: "http://localhost:8000".into(),
        request_bytes: 1000,
        request_time: PATIENCE,
        proxies: Default::default(),
        require_https: false,
        limiter: None,
        audit: None,
        traffic: Traffic::default(),
        traces: None,
        stopping: Stopping::default(),
    }
}

/// Answers with how many bytes came.
fn counting() -> impl Endpoint<Output = Response> {
    let count = make(|request: Request| async move {
        let (request, mut body) = request.split();
        let body =
            BytesBody::from_request(&request, &mut body, ExtractParamOptions::default()).await?;
        let incoming = body.read(&mut Faults::default()).await?;
        let mut content = incoming.unwrap().up_to(1000).map_err(Problem::from)?;
        let mut count = 0;
        while let Some(bytes) = content.next().await {
            count += bytes.map_err(Problem::from)?.len();
        }
        Ok::<_, poem::Error>(count.to_string())
    });
    edge().transform(count)
}

/// `text` piece by piece, each 30 ms after the one before.
fn slowly(text: &'static [&'static str]) -> Body {
    let pieces = stream::iter(text).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))
    });
    Body::from_bytes_stream(pieces)
}

#[tokio::test]
async fn a_body_that_streams_takes_as_long_as_it_takes() {
    let request = Request::builder().body(slowly(&["x"; 12]));
    let start = Instant::now();
    let response = counting().call(request).await.unwrap();
    assert!(start.elapsed() > 2 * PATIENCE);
    assert_eq!(response.into_body().into_string().await.unwrap(), "12");
}

#[tokio::test]
async fn a_body_that_falls_silent_is_not_waited_for() {
    let piece = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"x"))]);
    let body = Body::from_bytes_stream(piece.chain(stream::pending()));
    let request = Request::builder().body(body);
    let response = counting().call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn json_has_a_fixed_time() {
    let read = make(|request: Request| async move {
        let (request, mut body) = request.split();
        let body = JsonBody::<CreateObjectRequest>::from_request(
            &request,
            &mut body,
            ExtractParamOptions::default(),
        );
        let read = body.await?.read(&mut Faults::default()).await?;
        Ok::<_, poem::Error>(read.is_some().to_string())
    });
    let pieces = &["{", " ", " ", " ", " ", " ", " ", " ", " ", " ", " ", "}"];
    let request = Request::builder()
        .content_type("application/json")
        .body(slowly(pieces));
    let response = edge().transform(read).call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn ranges_are_for_get_alone() {
    let show = make(|request: Request| async move {
        let has_range = request.headers().contains_key(header::RANGE);
        Ok::<_, poem::Error>(has_range.to_string())
    });
    let endpoint = edge().transform(show);
    for (method, seen) in [(Method::GET, "true"), (Method::HEAD, "false")] {
        let request = Request::builder()
            .method(method)
            .header(header::RANGE, "bytes=0-1")
            .finish();
        let response = endpoint.call(request).await.unwrap();
        assert_eq!(response.into_body().into_string().await.unwrap(), seen);
    }
}
