//! What tests ask of the servers: to fail, and what is left of uploads.
//!
//! `POST /_fail` plans a [`Fault`](crate::faults::Fault) (JSON); `DELETE /_fail/{path}` forgets
//! those planned for that path; `GET /_uploads/{path}` answers with the number of unfinished
//! multipart uploads whose path holds that.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::faults::Faults;
use crate::gcs::Gcs;
use crate::s3::S3;
use crate::serve::{Answer, Body, plain};

/// The third server, which steers the other two.
pub struct Control {
    pub faults: Arc<Faults>,
    pub gcs: Arc<Gcs>,
    pub s3: Arc<S3>,
}

impl Answer for Control {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::POST, "/_fail") => self.plan(request).await,
            (&Method::DELETE, path) if path.starts_with("/_fail/") => {
                self.faults.clear(path.trim_start_matches("/_fail/"));
                plain(StatusCode::NO_CONTENT, "")
            }
            (&Method::GET, path) if path.starts_with("/_uploads/") => {
                let path = path.trim_start_matches("/_uploads/");
                let uploads = self.gcs.uploads(path) as i64 + self.s3.uploads(path);
                plain(StatusCode::OK, uploads.to_string())
            }
            _ => plain(StatusCode::NOT_FOUND, "no such control"),
        }
    }
}

impl Control {
    async fn plan(&self, request: Request<Incoming>) -> Response<Body> {
        let Ok(body) = request.into_body().collect().await else {
            return plain(StatusCode::BAD_REQUEST, "the body broke off");
        };
        match serde_json::from_slice(&body.to_bytes()) {
            Ok(fault) => {
                self.faults.plan(fault);
                plain(StatusCode::NO_CONTENT, "")
            }
            Err(error) => plain(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }
}
