//! Collections and objects become lines of a file.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::service::{EXPORT, Service, TransferResult};

/// Collections and objects become lines of a file.
pub(super) struct Export(pub(super) Service);

impl Job for Export {
    fn kind(&self) -> &'static str {
        EXPORT
    }

    fn run<'a>(&'a self, work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            let done = self.0.run_export(&work.row, &work.held).await?;
            done.ok_or(Failure::Lost)?;
            Ok(TransferResult::of_export(&work.row).to_document()?)
        }
        .boxed()
    }
}
