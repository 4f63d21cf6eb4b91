//! The part of Cloud Storage's XML API that `object_store` speaks
//! (<https://cloud.google.com/storage/docs/xml-api/overview>), kept in memory.

mod objects;
mod range;
mod xml;

use std::collections::HashMap;

use bytes::Bytes;
use futures::TryStreamExt;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyDataStream, BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use percent_encoding::percent_decode_str;

use self::objects::{Object, Objects, Refused};
use crate::serve::{Answer, Body, plain, text};

const GENERATION: &str = "x-goog-generation";
const IF_GENERATION_MATCH: &str = "x-goog-if-generation-match";

/// A GCS server that has every bucket and asks for no credentials.
#[derive(Default)]
pub struct Gcs {
    objects: Objects,
}

/// A request's way, taken apart.
struct Target {
    /// `bucket/key`, or the bucket alone.
    path: String,
    query: HashMap<String, String>,
}

impl Gcs {
    /// How many multipart uploads to paths that hold `path` were begun, and neither completed nor
    /// aborted.
    pub fn uploads(&self, path: &str) -> usize {
        self.objects.uploads(path)
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Body>, Refused> {
        let target = Target::of(&request);
        let upload = target.query.get("uploadId");
        match (request.method(), upload) {
            (&Method::GET, _) if !target.path.contains('/') => Ok(self.list(&target)),
            (&Method::GET, _) => self.get(&target.path, request.headers(), true),
            (&Method::HEAD, _) => self.get(&target.path, request.headers(), false),
            (&Method::PUT, Some(upload)) => {
                let number = target.number("partNumber").ok_or(Refused::Malformed)?;
                let tag = self
                    .objects
                    .put_part(upload, number, read(request).await?)?;
                tagged(&tag, None, "")
            }
            (&Method::PUT, None) => {
                let condition = condition(request.headers())?;
                let chunks = read(request).await?;
                let object = self.objects.put(&target.path, chunks, condition)?;
                tagged(&object.tag, Some(object.generation), "")
            }
            (&Method::POST, Some(upload)) => self.complete(upload, request).await,
            (&Method::POST, None) if target.query.contains_key("uploads") => {
                let upload = self.objects.begin_upload(&target.path);
                Ok(plain(StatusCode::OK, xml::upload_begun(&upload)))
            }
            (&Method::DELETE, Some(upload)) => {
                self.objects.abort_upload(upload)?;
                Ok(plain(StatusCode::NO_CONTENT, ""))
            }
            (&Method::DELETE, None) => {
                self.objects.delete(&target.path)?;
                Ok(plain(StatusCode::NO_CONTENT, ""))
            }
            _ => Err(Refused::Malformed),
        }
    }

    async fn complete(
        &self,
        upload: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refused> {
        let body = read(request).await?.concat();
        let parts = xml::parts(&body).ok_or(Refused::Malformed)?;
        let object = self.objects.complete_upload(upload, &parts)?;
        let body = xml::upload_completed(&object.tag);
        tagged(&object.tag, Some(object.generation), &body)
    }

    fn list(&self, target: &Target) -> Response<Body> {
        let name = |name: &str| target.query.get(name).cloned().unwrap_or_default();
        let after = name("continuation-token").max(name("start-after"));
        let limit = target.number("max-keys").unwrap_or(1000);
        let page = self
            .objects
            .list(&target.path, &name("prefix"), &after, limit);
        plain(StatusCode::OK, xml::page(&page))
    }

    fn get(
        &self,
        path: &str,
        headers: &HeaderMap,
        with_body: bool,
    ) -> Result<Response<Body>, Refused> {
        let object = self.objects.get(path)?;
        let asked = headers
            .get("range")
            .map(|value| value.to_str().unwrap_or(""));
        let range = match asked {
            Some(asked) => range::parse(asked, object.size).ok_or(Refused::Range)?,
            None => 0..object.size,
        };
        let modified = object.modified.format("%a, %d %b %Y %H:%M:%S GMT");
        let mut response = Response::builder()
            .header("etag", &object.tag)
            .header(GENERATION, object.generation)
            .header("last-modified", modified.to_string())
            .header("content-length", range.end - range.start);
        if asked.is_some() {
            let place = format!("bytes {}-{}/{}", range.start, range.end - 1, object.size);
            response = response
                .status(StatusCode::PARTIAL_CONTENT)
                .header("content-range", place);
        }
        let body = if with_body {
            stream(&object, range)
        } else {
            text("")
        };
        response.body(body).map_err(|_| Refused::Malformed)
    }
}

impl Answer for Gcs {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        self.serve(request).await.unwrap_or_else(|refused| {
            let status = match refused {
                Refused::NotFound => StatusCode::NOT_FOUND,
                Refused::Precondition => StatusCode::PRECONDITION_FAILED,
                Refused::Range => StatusCode::RANGE_NOT_SATISFIABLE,
                Refused::Malformed => StatusCode::BAD_REQUEST,
            };
            plain(status, format!("{refused:?}"))
        })
    }
}

impl Target {
    fn of(request: &Request<Incoming>) -> Self {
        let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
        let query = request.uri().query().unwrap_or_default();
        Self {
            path: path.trim_matches('/').to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        }
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.query.get(name)?.parse().ok()
    }
}

/// A body as the pieces it came in, so that no large one is copied.
async fn read(request: Request<Incoming>) -> Result<Vec<Bytes>, Refused> {
    let pieces = BodyDataStream::new(request.into_body()).try_collect();
    pieces.await.map_err(|_| Refused::Malformed)
}

/// The generation that must be there; 0 stands for none.
fn condition(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let Some(value) = headers.get(IF_GENERATION_MATCH) else {
        return Ok(None);
    };
    let generation = value.to_str().ok().and_then(|text| text.parse().ok());
    generation.map(Some).ok_or(Refused::Malformed)
}

fn tagged(tag: &str, generation: Option<u64>, words: &str) -> Result<Response<Body>, Refused> {
    let mut response = Response::builder().header("etag", tag);
    if let Some(generation) = generation {
        response = response.header(GENERATION, generation);
    }
    let body = text(words.to_owned());
    response.body(body).map_err(|_| Refused::Malformed)
}

fn stream(object: &Object, range: std::ops::Range<u64>) -> Body {
    let pieces = object.slice(range).into_iter();
    let frames = pieces.map(|piece| Ok(Frame::data(piece)));
    StreamBody::new(futures::stream::iter(frames)).boxed_unsync()
}
