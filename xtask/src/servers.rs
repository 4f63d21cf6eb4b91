//! Throw-away servers: a PostgreSQL cluster, a GPT Object Store and buckets of their own, on free
//! ports, that go when this process goes, however it goes.

mod buckets;
mod object_store;
mod postgres;
mod redis;

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

pub use self::buckets::Buckets;
pub use self::object_store::ObjectStore;
pub use self::postgres::Cluster;
pub use self::redis::Redis;

/// Where cargo puts what it builds in the workspace `root`.
pub fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Where the suite's databases lie: in memory where there is such a place, since a disk that flushes
/// a fresh build makes each commit wait for seconds. Their settings stay the safe ones; benchmarks
/// and campaigns use the disk.
pub fn suite_place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let is_usable = tempfile::tempdir_in(&memory).is_ok();
    if is_usable {
        memory
    } else {
        std::env::temp_dir()
    }
}

/// Runs a command to its end; it dies with this process.
///
/// # Errors
/// When the program cannot be started.
pub fn run(command: &mut Command) -> Result<ExitStatus> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run `{name}`"))?;
    let leash = Leash::kill(&child)?;
    let status = child.wait()?;
    leash.release();
    Ok(status)
}

/// Runs a script when this process ends, however it ends: return, panic, Ctrl-C or `kill -9`.
///
/// A shell in a process group of its own waits at a pipe whose other end only this process
/// holds, so that no signal handler is needed and none can be missed.
pub struct Leash {
    shell: Child,
}

impl Leash {
    /// Sends SIGTERM to `child` when this process ends.
    ///
    /// # Errors
    /// When the shell cannot be started.
    pub fn kill(child: &Child) -> Result<Self> {
        Self::new(
            Command::new("sh"),
            "kill -TERM \"$1\"",
            &[&child.id().to_string()],
        )
    }

    /// `shell` carries the account and folder that the script runs with.
    fn new(mut shell: Command, script: &str, arguments: &[&str]) -> Result<Self> {
        let waiting = format!("trap '' HUP INT TERM; if read -r _; then exit 0; fi; {script}");
        shell.args(["-c", &waiting, "leash"]).args(arguments);
        shell
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let shell = shell.spawn().context("cannot run `sh`")?;
        Ok(Self { shell })
    }

    /// Ends the shell without running its script.
    pub fn release(mut self) {
        if let Some(mut stdin) = self.shell.stdin.take() {
            // A shell that is gone already has nothing left to be told.
            let _ = stdin.write_all(b"\n");
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// A port of 127.0.0.1 that was free a moment ago.
///
/// # Errors
/// When the system gives none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_leash_acts_when_dropped_and_not_when_released() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acted");
        let make =
            || Leash::new(Command::new("sh"), ": > \"$1\"", &[path.to_str().unwrap()]).unwrap();
        make().release();
        sleep(Duration::from_millis(50));
        assert!(!path.exists());
        drop(make());
        assert!(path.exists());
    }
}
