//! Lines of a file become collections and objects.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::service::{IMPORT, Service, TransferResult};

/// Lines of a file become collections and objects.
pub(super) struct Import(pub(super) Service);

impl Job for Import {
    fn kind(&self) -> &'static str {
        IMPORT
    }

    fn run<'a>(&'a self, work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            let done = self.0.run_import(&work.row, &work.held).await?;
            done.ok_or(Failure::Lost)?;
            Ok(TransferResult::default().to_document()?)
        }
        .boxed()
    }
}
