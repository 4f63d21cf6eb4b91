//! The kinds of jobs there are.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::work::{Failure, Job, Work};
use crate::document::Document;
use crate::service::{
    EXPORT, IMPORT, Orphans, PURGE, PURGE_GPT, PURGE_ORPHANS, Purged, Service, TransferResult,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How the house is kept.
#[derive(Clone, Copy, Debug)]
pub struct HouseRules {
    /// How long calls in the record are remembered.
    pub keep_calls: Duration,
    /// How long jobs that ended are remembered, and changes that were forwarded or could not be.
    pub keep_jobs: Duration,
    /// How often what has expired is looked for, and bytes that are still to be removed.
    pub purge_every: Duration,
    /// How often every stored object is looked at.
    pub orphans_every: Duration,
}

/// What one attempt at a job does.
type Attempt<'a> = BoxFuture<'a, Result<Document, Failure>>;

/// A kind of job that `T` can do.
struct Kind<T> {
    name: &'static str,
    every: Option<Duration>,
    by: T,
    run: for<'a> fn(&'a T, &'a Work) -> Attempt<'a>,
}

impl<T: Send + Sync> Job for Kind<T> {
    fn kind(&self) -> &'static str {
        self.name
    }

    fn every(&self) -> Option<Duration> {
        self.every
    }

    fn run<'a>(&'a self, work: &'a Work) -> Attempt<'a> {
        (self.run)(&self.by, work)
    }
}

fn kind<T: Send + Sync + 'static>(
    name: &'static str,
    every: Option<Duration>,
    by: T,
    run: for<'a> fn(&'a T, &'a Work) -> Attempt<'a>,
) -> Box<dyn Job> {
    Box::new(Kind {
        name,
        every,
        by,
        run,
    })
}

/// The kinds of jobs that GPTs ask for.
#[must_use]
pub fn of_gpts(service: &Service) -> Vec<Box<dyn Job>> {
    vec![
        kind(IMPORT, None, service.clone(), |service, work| {
            async {
                let done = service.run_import(&work.row, &work.held).await?;
                done.ok_or(Failure::Lost)?;
                Ok(TransferResult::default().to_document()?)
            }
            .boxed()
        }),
        kind(EXPORT, None, service.clone(), |service, work| {
            async {
                let done = service.run_export(&work.row, &work.held).await?;
                done.ok_or(Failure::Lost)?;
                Ok(TransferResult::of_export(&work.row).to_document()?)
            }
            .boxed()
        }),
    ]
}

/// The kinds of jobs of the house.
#[must_use]
pub fn of_the_house(service: &Service, rules: HouseRules) -> Vec<Box<dyn Job>> {
    let mut kinds = of_rows(service, rules);
    // Whoever cannot reach the bytes leaves them to those who can.
    if service.serves_files() {
        kinds.extend(of_files(service, rules));
    }
    kinds
}

/// Rows whose time is over are forgotten.
fn of_rows(service: &Service, rules: HouseRules) -> Vec<Box<dyn Job>> {
    let keeping = |keep: Duration| (service.clone(), keep);
    vec![
        kind("sweep", Some(5 * MINUTE), service.clone(), |service, _| {
            async {
                service.sweep().await?;
                done(&json!({}))
            }
            .boxed()
        }),
        kind(
            "prune_calls",
            Some(5 * MINUTE),
            keeping(rules.keep_calls),
            |(service, keep), _| async { pruned(service.prune_calls(*keep).await?) }.boxed(),
        ),
        kind(
            "prune_jobs",
            Some(HOUR),
            keeping(rules.keep_jobs),
            |(service, keep), _| async { pruned(service.prune_jobs(*keep).await?) }.boxed(),
        ),
        kind(
            "prune_events",
            Some(HOUR),
            keeping(rules.keep_jobs),
            |(service, keep), _| async { pruned(service.prune_events(*keep).await?) }.boxed(),
        ),
    ]
}

/// Bytes that nobody needs any more are removed from where they lie, and keys that stand under an
/// older master key are wrapped by the new one.
fn of_files(service: &Service, rules: HouseRules) -> Vec<Box<dyn Job>> {
    let has_older_keys = service.has_older_file_keys();
    vec![
        // Sooner when something was deleted.
        kind(
            PURGE,
            Some(rules.purge_every),
            service.clone(),
            |service, _| purge_files(service).boxed(),
        ),
        kind(PURGE_GPT, None, service.clone(), |service, work| {
            async {
                let removed = service.purge_gpt(&work.row.payload).await?;
                done(&json!({ "removed": removed }))
            }
            .boxed()
        }),
        kind(
            PURGE_ORPHANS,
            Some(rules.orphans_every),
            service.clone(),
            |service, work| purge_orphans(service, work).boxed(),
        ),
        kind(
            "rewrap_keys",
            has_older_keys.then_some(HOUR),
            service.clone(),
            |service, work| {
                async {
                    let report = service.run_rewrap(&work.row, &work.held).await?;
                    Ok(report.ok_or(Failure::Lost)?.to_document())
                }
                .boxed()
            },
        ),
    ]
}

async fn purge_files(service: &Service) -> Result<Document, Failure> {
    let purged = service.purge_files().await?;
    let Purged {
        expired,
        removed,
        failed,
        forgotten,
    } = purged;
    if purged != Purged::default() {
        tracing::info!(expired, removed, failed, forgotten, "purged files");
    }
    done(&json!({
        "expired": expired, "removed": removed, "failed": failed, "forgotten": forgotten,
    }))
}

async fn purge_orphans(service: &Service, work: &Work) -> Result<Document, Failure> {
    let Orphans { found, removed } = service.purge_orphans(&work.row.payload).await?;
    if found > 0 {
        tracing::info!(found, "found stored bytes that no file has");
    }
    if removed > 0 {
        tracing::info!(removed, "removed stored bytes that no file has");
    }
    done(&json!({ "found": found, "removed": removed }))
}

fn pruned(rows: u64) -> Result<Document, Failure> {
    done(&json!({ "pruned": rows }))
}

fn done(result: &Value) -> Result<Document, Failure> {
    Ok(Document::from_canonical(result.to_string()))
}
