//! Redis from the binary of this machine.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Leash, free_port};

/// How long Redis may take to answer before its start counts as failed.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A Redis of its own on a free port of 127.0.0.1, which keeps nothing, stopped on drop.
pub struct Redis {
    port: u16,
    child: Child,
    leash: Option<Leash>,
}

impl Redis {
    /// Starts `program` and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be run, ends, or does not answer within 10 seconds.
    pub fn start(program: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(program);
        // One binary is server and tools; its name, which may be a link's, says which.
        command
            .arg0("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let leash = Some(Leash::kill(&child)?);
        let mut redis = Self { port, child, leash };
        redis.wait_until_it_answers()?;
        Ok(redis)
    }

    /// As `REDIS_URL` has it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let start = Instant::now();
        while !self.answers() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || start.elapsed() > START_LIMIT {
                bail!("Redis did not start ({ended:?})");
            }
            sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        let ping = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"PING\r\n")?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer)?;
            std::io::Result::Ok(&answer == b"+PONG")
        };
        ping().unwrap_or(false)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It keeps nothing; one that is gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(leash) = self.leash.take() {
            leash.release();
        }
    }
}
