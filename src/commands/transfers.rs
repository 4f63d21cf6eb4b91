//! `import` and `export`: whole collections and GPTs, as lines.
//!
//! Both are jobs, as they are for callers: this process works on them, and so may a server that runs
//! beside it. When it is interrupted, whoever looks next goes on.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, stdin, stdout};
use tokio::time::sleep;

use super::cli::{ExportArguments, ImportArguments};
use super::output::print_json;
use super::{Failure, open_store};
use crate::config::Config;
use crate::error::Error;
use crate::ids::{GptId, Tenant};
use crate::jobs::Worker;
use crate::server::start_for_gpts;
use crate::service::{FileBytes, JobRow, JobState, Service, TransferReport};

/// How often the progress is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// `import`.
pub(super) async fn import(
    config: Config,
    arguments: ImportArguments,
    json: bool,
) -> Result<(), Failure> {
    let lines = read(&arguments.file).await?;
    let (service, worker) = begin(&config).await?;
    let tenant = tenant(&service, arguments.gpt).await?;
    let job = service
        .import_lines(&tenant, lines, arguments.collection)
        .await?;
    let report = finish(&service, worker, &job).await?;
    if json {
        return print_json(&json!({
            "job_id": job.id,
            "objects": report.objects,
            "collections": report.collections,
            "failed_lines": report.failed,
            "errors": report.errors,
        }));
    }
    for error in &report.errors {
        eprintln!("line {}: {}", error.line, error.detail);
    }
    println!(
        "Imported {} objects and {} collections; {} lines were left out.",
        report.objects, report.collections, report.failed
    );
    Ok(())
}

/// `export`. Only the lines go to standard output, whatever else there is to say.
pub(super) async fn export(
    config: Config,
    arguments: ExportArguments,
    json: bool,
) -> Result<(), Failure> {
    let (service, worker) = begin(&config).await?;
    let tenant = tenant(&service, arguments.gpt).await?;
    let job = service.export_all(&tenant, arguments.collection).await?;
    let report = finish(&service, worker, &job).await?;
    let content = service.exported(&tenant, &job).await?;
    match &arguments.output {
        None => write(content, &mut stdout()).await?,
        Some(path) => write(content, &mut File::create(path).await?).await?,
    }
    service.remove_exported(&tenant, &job).await?;
    let (objects, collections) = (report.objects, report.collections);
    if json && arguments.output.is_some() {
        return print_json(&json!({
            "job_id": job.id, "objects": objects, "collections": collections, "bytes": report.bytes,
        }));
    }
    eprintln!("Exported {objects} objects and {collections} collections.");
    Ok(())
}

async fn begin(config: &Config) -> Result<(Service, Worker), Failure> {
    let store = open_store(config).await?;
    Ok(start_for_gpts(config, store)?)
}

async fn tenant(service: &Service, gpt: GptId) -> Result<Tenant, Failure> {
    match service.get_gpt(&gpt).await {
        Ok(_) => Ok(Tenant::vouched(gpt)),
        Err(Error::GptNotFound) => Err(format!("there is no GPT `{gpt}`").into()),
        Err(error) => Err(error.into()),
    }
}

/// Shows how far `job` is until it has ended.
async fn finish(
    service: &Service,
    worker: Worker,
    job: &JobRow,
) -> Result<TransferReport, Failure> {
    // On anything but a terminal it draws nothing.
    let bar = ProgressBar::no_length();
    let row = loop {
        let row = service.find_job(job.id).await?.ok_or("the job has gone")?;
        show(&bar, &TransferReport::read(&row.progress)?);
        if row.finished_at.is_some() {
            break row;
        }
        sleep(LOOK).await;
    };
    worker.finish().await;
    bar.abandon();
    if row.state == JobState::Failed {
        return Err(row.error.unwrap_or_default().into());
    }
    Ok(TransferReport::read(&row.progress)?)
}

/// Draws how far a job is: a bar where it is known how much there is.
fn show(bar: &ProgressBar, report: &TransferReport) {
    let style = match report.total_bytes {
        Some(_) => "[{bar:40}] {percent:>3} %  {msg}",
        None => "{spinner} {bytes}  {msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    if let Some(total) = report.total_bytes {
        bar.set_length(total);
    }
    let (lines, failed) = (report.lines, report.failed);
    bar.set_message(format!("{lines} lines, {failed} left out"));
    bar.set_position(report.bytes);
}

async fn read(path: &Path) -> Result<BoxStream<'static, Result<Bytes, Error>>, Failure> {
    if path == Path::new("-") {
        return Ok(pieces(stdin()));
    }
    let opened = File::open(path).await;
    let file = opened.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(pieces(file))
}

fn pieces(
    source: impl AsyncRead + Unpin + Send + 'static,
) -> BoxStream<'static, Result<Bytes, Error>> {
    let read = async |mut source: Box<dyn AsyncRead + Unpin + Send>| {
        let mut piece = vec![0; PIECE];
        let length = source.read(&mut piece).await;
        let length = length.map_err(|error| Error::Unavailable(Box::new(error)))?;
        piece.truncate(length);
        Ok((length > 0).then(|| (Bytes::from(piece), source)))
    };
    let source: Box<dyn AsyncRead + Unpin + Send> = Box::new(source);
    stream::try_unfold(source, read).boxed()
}

async fn write(
    mut content: FileBytes,
    target: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Failure> {
    while let Some(bytes) = content.try_next().await? {
        target.write_all(&bytes).await?;
    }
    target.flush().await?;
    Ok(())
}
