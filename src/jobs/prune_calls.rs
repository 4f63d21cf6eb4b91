//! The record of calls is cut to its age.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::service::Service;

/// Forgets calls that are old enough. The second is how long they are kept.
pub(super) struct PruneCalls(pub(super) Service, pub(super) Duration);

impl Job for PruneCalls {
    fn kind(&self) -> &'static str {
        "prune_calls"
    }

    fn every(&self) -> Option<Duration> {
        Some(Duration::from_secs(5 * 60))
    }

    fn run<'a>(&'a self, _work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            let pruned = self.0.prune_calls(self.1).await?;
            Ok(Document::from_canonical(format!(
                r#"{{"pruned":{pruned}}}"#
            )))
        }
        .boxed()
    }
}
