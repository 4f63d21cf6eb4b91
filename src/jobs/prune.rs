//! What is old enough is forgotten.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::error::Error;
use crate::service::Service;

/// Forgets one kind of thing.
pub(super) struct Prune {
    /// Its name in the table.
    pub(super) kind: &'static str,
    /// How often.
    pub(super) every: Duration,
    /// How long such things are kept.
    pub(super) keep: Duration,
    /// Where they are.
    pub(super) service: Service,
    /// Forgets those that are older, and says how many.
    pub(super) forget: fn(&Service, Duration) -> BoxFuture<'_, Result<u64, Error>>,
}

impl Job for Prune {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn every(&self) -> Option<Duration> {
        Some(self.every)
    }

    fn run<'a>(&'a self, _work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            let pruned = (self.forget)(&self.service, self.keep).await?;
            Ok(Document::from_canonical(format!(
                r#"{{"pruned":{pruned}}}"#
            )))
        }
        .boxed()
    }
}
