//! Jobs that ended long ago are forgotten.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::service::Service;

/// Forgets jobs that ended. The second is how long they are kept.
pub(super) struct PruneJobs(pub(super) Service, pub(super) Duration);

impl Job for PruneJobs {
    fn kind(&self) -> &'static str {
        "prune_jobs"
    }

    fn every(&self) -> Option<Duration> {
        Some(Duration::from_secs(60 * 60))
    }

    fn run<'a>(&'a self, _work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            let pruned = self.0.prune_jobs(self.1).await?;
            Ok(Document::from_canonical(format!(
                r#"{{"pruned":{pruned}}}"#
            )))
        }
        .boxed()
    }
}
