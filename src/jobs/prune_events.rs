//! Changes that were forwarded, or could not be, are forgotten.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::service::Service;

/// Forgets events. The second is how long those are kept that nobody took.
pub(super) struct PruneEvents(pub(super) Service, pub(super) Duration);

impl Job for PruneEvents {
    fn kind(&self) -> &'static str {
        "prune_events"
    }

    fn every(&self) -> Option<Duration> {
        Some(Duration::from_secs(60 * 60))
    }

    fn run<'a>(&'a self, _work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            let pruned = self.0.prune_events(self.1).await?;
            Ok(Document::from_canonical(format!(
                r#"{{"pruned":{pruned}}}"#
            )))
        }
        .boxed()
    }
}
