//! Answers of the generated operations.

use std::fmt::Display;

use poem::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem::{Body, IntoResponse, Response};
use serde::Serialize;

use super::Download;
use crate::api::problem::Problem;

/// An answer under construction.
pub struct Reply(Response);

impl Reply {
    /// An answer with this status.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self(Response::builder().status(status).finish())
    }

    /// Sets a header, whose name is in lower case. A value that no header can carry is left out
    /// and logged.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Display) -> Self {
        match HeaderValue::try_from(value.to_string()) {
            Ok(value) => {
                self.0
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value);
            }
            Err(error) => tracing::error!(name, %error, "a header value was left out"),
        }
        self
    }

    /// Sets a header if there is a value.
    #[must_use]
    pub fn optional_header(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Ends with a JSON body.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Response {
        match serde_json::to_vec(body) {
            Ok(bytes) => {
                let content_type = HeaderValue::from_static("application/json");
                self.0.headers_mut().insert(CONTENT_TYPE, content_type);
                self.0.set_body(Body::from(bytes));
                self.0
            }
            Err(error) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Problem::from(poem::Error::new(error, status)).into_response()
            }
        }
    }

    /// Ends with bytes.
    #[must_use]
    pub fn bytes(self, download: Download) -> Response {
        let mut response = self
            .header(CONTENT_TYPE.as_str(), &download.content_type)
            .header(CONTENT_LENGTH.as_str(), download.length)
            .empty();
        response.set_body(download.into_body());
        response
    }

    /// Ends without a body.
    #[must_use]
    pub fn empty(self) -> Response {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use poem::Endpoint;
    use poem::http::Method;

    use super::*;
    use crate::api::wire::RawJson;

    #[tokio::test]
    async fn carries_status_headers_and_raw_json() {
        let reply = Reply::new(StatusCode::CREATED)
            .header("etag", "\"1\"")
            .optional_header("link", None::<String>)
            .header("location", "no\nheader");
        let response = reply.json(&RawJson::from_text("{\"n\":1.00}"));
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()["etag"], "\"1\"");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert!(!response.headers().contains_key("link"));
        assert!(
            !response.headers().contains_key("location"),
            "a line break is left out"
        );
        assert_eq!(
            response.into_body().into_string().await.unwrap(),
            "{\"n\":1.00}"
        );
    }

    fn download() -> Download {
        let pieces = [Ok("abc".into()), Ok("de".into())];
        Download {
            content_type: "text/plain".to_owned(),
            length: 5,
            content: futures::stream::iter(pieces).boxed(),
        }
    }

    #[tokio::test]
    async fn bytes_are_streamed_with_their_length_and_type() {
        let response = Reply::new(StatusCode::PARTIAL_CONTENT).bytes(download());
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain");
        assert_eq!(response.headers()[CONTENT_LENGTH], "5");
        assert_eq!(response.into_body().into_string().await.unwrap(), "abcde");
    }

    #[tokio::test]
    async fn head_has_the_headers_of_get_and_no_bytes() {
        let get = poem::endpoint::make_sync(|_| Reply::new(StatusCode::OK).bytes(download()));
        let request = poem::Request::builder().method(Method::HEAD).finish();
        let response = poem::get(get).call(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_LENGTH], "5");
        assert_eq!(response.into_body().into_string().await.unwrap(), "");
    }

    #[test]
    fn what_cannot_be_written_is_a_failure_of_ours() {
        let response = Reply::new(StatusCode::OK).json(&RawJson::from_text("{"));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
