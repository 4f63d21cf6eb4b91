//! After the master key was rotated, the keys of files are wrapped by the new one.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::service::Service;

/// Wraps what still stands under an older master key.
pub(super) struct RewrapKeys(pub(super) Service);

impl Job for RewrapKeys {
    fn kind(&self) -> &'static str {
        "rewrap_keys"
    }

    /// While older master keys are configured.
    fn every(&self) -> Option<Duration> {
        let every = Duration::from_secs(60 * 60);
        self.0.has_older_file_keys().then_some(every)
    }

    fn run<'a>(&'a self, work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            let report = self.0.run_rewrap(&work.row, &work.held).await?;
            Ok(report.ok_or(Failure::Lost)?.to_document())
        }
        .boxed()
    }
}
