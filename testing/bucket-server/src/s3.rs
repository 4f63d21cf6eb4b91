//! S3, as `s3s-fs` speaks it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, anyhow};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::sync::RwLock;

use crate::serve::{Answer, Body, plain};

/// `s3s-fs` on a folder, with one bucket and one pair of credentials.
pub struct S3 {
    service: S3Service,
    /// `s3s-fs` looks at a condition before it reads the body and writes: two requests at once
    /// would both be granted, which S3 never does.
    conditions: RwLock<()>,
    /// Multipart uploads begun less those ended, by path: `s3s-fs` does not list them.
    uploads: Mutex<HashMap<String, i64>>,
}

impl S3 {
    /// A server of what lies in `folder`, where it makes the bucket `test`.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn on(folder: &Path) -> Result<Self> {
        std::fs::create_dir(folder.join("test"))?;
        let files = s3s_fs::FileSystem::new(folder).map_err(|error| anyhow!("{error:?}"))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single("test", "test-secret"));
        Ok(Self {
            service: builder.build(),
            conditions: RwLock::default(),
            uploads: Mutex::default(),
        })
    }

    /// How many multipart uploads to paths that hold `path` were begun, and neither completed nor
    /// aborted.
    pub fn uploads(&self, path: &str) -> i64 {
        let uploads = self.open_uploads();
        let below = uploads.iter().filter(|(key, _)| key.contains(path));
        below.map(|(_, count)| count).sum()
    }

    fn open_uploads(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `request` does to the number of uploads, when it succeeds.
    fn change(request: &Request<Incoming>) -> i64 {
        let query = request.uri().query().unwrap_or_default();
        let has = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.any(|(known, _)| known == name)
        };
        match *request.method() {
            Method::POST if has("uploads") => 1,
            Method::POST | Method::DELETE if has("uploadId") => -1,
            _ => 0,
        }
    }

    async fn call(&self, request: Request<Incoming>) -> Response<Body> {
        let (path, change) = (request.uri().path().to_owned(), Self::change(&request));
        match self.service.call(request.map(s3s::Body::from)).await {
            Ok(response) => {
                if change != 0 && response.status().is_success() {
                    *self.open_uploads().entry(path).or_default() += change;
                }
                response.map(BodyExt::boxed_unsync)
            }
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")),
        }
    }
}

impl Answer for S3 {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let headers = request.headers();
        let is_conditional =
            headers.contains_key("if-match") || headers.contains_key("if-none-match");
        if request.method() == Method::PUT && is_conditional {
            let _alone = self.conditions.write().await;
            self.call(request).await
        } else if request.method() == Method::GET {
            let _together = self.conditions.read().await;
            self.call(request).await
        } else {
            self.call(request).await
        }
    }
}
