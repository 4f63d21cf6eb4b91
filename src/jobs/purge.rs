//! Bytes of files that nobody needs any more are removed from where they lie.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::error::Error;
use crate::service::{Orphans, PURGE, PURGE_GPT, PURGE_ORPHANS, Purged, Service};

/// Removes one kind of bytes.
pub(super) struct Purge {
    kind: &'static str,
    every: Option<Duration>,
    service: Service,
    /// Removes them, and says what was done.
    remove: for<'a> fn(&'a Service, &'a Work) -> BoxFuture<'a, Result<Value, Error>>,
}

impl Purge {
    /// Those of what was deleted or has expired; sooner when something was deleted.
    pub(super) fn files(service: Service, every: Duration) -> Self {
        Self {
            kind: PURGE,
            every: Some(every),
            service,
            remove: |service, _| purge_files(service).boxed(),
        }
    }

    /// Those of GPTs that were deleted.
    pub(super) fn gpts(service: Service) -> Self {
        Self {
            kind: PURGE_GPT,
            every: None,
            service,
            remove: |service, work| {
                let purged = service.purge_gpt(&work.row.payload);
                async { Ok(json!({ "removed": purged.await? })) }.boxed()
            },
        }
    }

    /// Those that no row knows.
    pub(super) fn orphans(service: Service, every: Duration) -> Self {
        Self {
            kind: PURGE_ORPHANS,
            every: Some(every),
            service,
            remove: |service, work| purge_orphans(service, work).boxed(),
        }
    }
}

impl Job for Purge {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn every(&self) -> Option<Duration> {
        self.every
    }

    fn run<'a>(&'a self, work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            let done = (self.remove)(&self.service, work).await?;
            Ok(Document::from_canonical(done.to_string()))
        }
        .boxed()
    }
}

async fn purge_files(service: &Service) -> Result<Value, Error> {
    let done = service.purge_files().await?;
    let Purged {
        expired,
        removed,
        failed,
        forgotten,
    } = done;
    if done != Purged::default() {
        tracing::info!(expired, removed, failed, forgotten, "purged files");
    }
    Ok(json!({ "expired": expired, "removed": removed, "failed": failed, "forgotten": forgotten }))
}

async fn purge_orphans(service: &Service, work: &Work) -> Result<Value, Error> {
    let Orphans { found, removed } = service.purge_orphans(&work.row.payload).await?;
    if found > 0 {
        tracing::info!(found, "found stored bytes that no file has");
    }
    if removed > 0 {
        tracing::info!(removed, "removed stored bytes that no file has");
    }
    Ok(json!({ "found": found, "removed": removed }))
}
