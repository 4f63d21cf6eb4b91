//! Answers to idempotency keys, grants and signing keys whose time is over are forgotten.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::service::Service;

/// Forgets what is over.
pub(super) struct Sweep(pub(super) Service);

impl Job for Sweep {
    fn kind(&self) -> &'static str {
        "sweep"
    }

    fn every(&self) -> Option<Duration> {
        Some(Duration::from_secs(5 * 60))
    }

    fn run<'a>(&'a self, _work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            self.0.sweep().await?;
            Ok(Document::from_canonical("{}".to_owned()))
        }
        .boxed()
    }
}
