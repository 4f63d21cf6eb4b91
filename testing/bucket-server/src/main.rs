//! An S3 and a GCS server for tests, on free ports of 127.0.0.1, which can be told to fail.
//!
//! It prints one line of JSON, `{"s3": URL, "gcs": URL, "control": URL}`, and serves until its
//! standard input ends. S3 is `s3s-fs` with a bucket `test`, and checks signatures made with the
//! key `test` and the secret `test-secret`; GCS is the part of the XML API that `object_store`
//! speaks, with any bucket. What is stored goes with the process.

mod control;
mod faults;
mod gcs;
mod s3;
mod serve;

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use self::control::Control;
use self::faults::{Faults, Server};
use self::gcs::Gcs;
use self::s3::S3;

#[tokio::main]
async fn main() -> Result<()> {
    let faults = Arc::new(Faults::default());
    let folder = tempfile::tempdir()?;
    let gcs = Arc::new(Gcs::default());
    let s3 = Arc::new(S3::on(folder.path())?);
    let addresses = json!({
        "s3": serve::start(Arc::clone(&s3), Some((Server::S3, Arc::clone(&faults)))).await?,
        "gcs": serve::start(Arc::clone(&gcs), Some((Server::Gcs, Arc::clone(&faults)))).await?,
        "control": serve::start(Control { faults, gcs, s3 }, None).await?,
    });
    println!("{addresses}");
    std::io::stdout().flush()?;
    // Whoever started this holds the other end, and closes it at its own end at the latest.
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    Ok(())
}
