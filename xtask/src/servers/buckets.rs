//! An S3 and a GCS server of this workspace as a process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A running `bucket-server`. It ends with its standard input, which only this process holds, so
/// that it goes when this process goes.
pub struct Buckets {
    addresses: String,
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Buckets {
    /// Starts `program`, which keeps what tests store in `place`, and waits for its addresses.
    ///
    /// # Errors
    /// When the program cannot be run, or says no addresses.
    pub fn start(program: &Path, place: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .env("TMPDIR", place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("no standard output")?;
        let mut addresses = String::new();
        BufReader::new(stdout).read_line(&mut addresses)?;
        ensure!(
            addresses.starts_with('{'),
            "{} said no addresses",
            program.display()
        );
        Ok(Self {
            addresses: addresses.trim().to_owned(),
            child,
            stdin,
        })
    }

    /// What the program said: `{"s3": URL, "gcs": URL, "control": URL}`.
    pub fn addresses(&self) -> &str {
        &self.addresses
    }
}

impl Drop for Buckets {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It removes what it stored, and ends.
        let _ = self.child.wait();
    }
}
