//! The server of this workspace as a process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Leash, free_port, target};

/// How long a server may take to answer before its start counts as failed.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A master key that keeps no secret: PostgreSQL's replicas would not make one.
const FILES_KEY: &str = "base64:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

/// Settings of the developer's own that would change what is measured or tested.
const FOREIGN_SETTINGS: &[&str] = &[
    "ADMIN_LISTEN",
    "AUDIT_DAYS",
    "BENCH_UNGUARDED",
    "CONFIG",
    "FILES_URL",
    "LOG",
    "LOG_FORMAT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_TRACES_SAMPLER_ARG",
    "REDIS_URL",
    "RUST_LOG",
    "SECRET_KEY",
    "STORAGE_URL",
    "TRUSTED_PROXIES",
    "TRUSTED_PROXY_HEADER",
];

/// A running `gpt-object-store serve`, stopped on drop.
pub struct ObjectStore {
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
    base_url: String,
    child: Child,
    leash: Option<Leash>,
    start_time: Duration,
}

impl ObjectStore {
    /// Where cargo puts the program of `profile`, `debug` or `release`.
    pub fn program(root: &Path, profile: &str) -> PathBuf {
        target(root).join(profile).join("gpt-object-store")
    }

    /// Starts `program` on a free port and waits until it answers; its log lies in `folder`.
    ///
    /// # Errors
    /// When the server ends, or does not answer within 20 seconds, with its log.
    pub fn start(program: &Path, database_url: &str, folder: &Path) -> Result<Self> {
        Self::start_with(program, database_url, folder, Vec::new())
    }

    /// Does the same with more settings.
    ///
    /// # Errors
    /// As [`ObjectStore::start`].
    pub fn start_with(
        program: &Path,
        database_url: &str,
        folder: &Path,
        settings: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        let port = free_port()?;
        let base_url = format!("http://127.0.0.1:{port}");
        let mut environment = vec![
            ("DATABASE_URL", database_url.to_owned()),
            ("DATA_DIR", folder.to_string_lossy().into_owned()),
            ("LISTEN", format!("127.0.0.1:{port}")),
            ("PUBLIC_URL", base_url.clone()),
            ("RATE_LIMITS", "off".to_owned()),
            ("FILES_ENCRYPTION_KEY", FILES_KEY.to_owned()),
            ("FILES_SWEEP_SECONDS", "1".to_owned()),
            // Receivers of the tests' own.
            ("WEBHOOK_NETWORKS", "127.0.0.1".to_owned()),
        ];
        environment.extend(settings);
        let log = folder.join("server.log");
        let mut command = command(program, &environment);
        command.arg("serve").stdin(Stdio::null());
        let log_file = File::create(&log)?;
        command.stdout(log_file.try_clone()?).stderr(log_file);
        let start = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let leash = Some(Leash::kill(&child)?);
        let start_time = Duration::ZERO;
        let mut server = Self {
            program: program.to_owned(),
            environment,
            base_url,
            child,
            leash,
            start_time,
        };
        server.wait_until_healthy(start, &log)?;
        server.start_time = start.elapsed();
        Ok(server)
    }

    /// The URL that paths are appended to, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// From the start of the process to its first 200 at `/health`.
    pub fn start_time(&self) -> Duration {
        self.start_time
    }

    /// Makes a GPT and a key for it, and returns the key.
    ///
    /// # Errors
    /// When one of the two commands fails or prints no key.
    pub fn make_key(&self, gpt: &str) -> Result<String> {
        self.administer(&["gpt", "create", gpt])?;
        let answer = self.administer(&["key", "create", gpt])?;
        let key = answer["key"].as_str();
        Ok(key
            .context("`key create --json` printed no `key`")?
            .to_owned())
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// Where the system has no `/proc`.
    pub fn resident_memory(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most that was resident since the start, in bytes.
    ///
    /// # Errors
    /// As [`Self::resident_memory`].
    pub fn peak_memory(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    /// How long processors have worked for it since its start, to the hundredth of a second.
    ///
    /// # Errors
    /// As [`Self::resident_memory`].
    pub fn processor_time(&self) -> Result<Duration> {
        /// What Linux counts in, whatever the kernel's own clock does (proc(5), times(2)).
        const TICK: Duration = Duration::from_millis(10);
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second value is a name in parentheses; the 14th and the 15th are what is wanted.
        let values = stat.rsplit_once(')').map_or("", |(_, values)| values);
        let ticks = values.split_whitespace().skip(11).take(2);
        let ticks: u32 = ticks.map(str::parse::<u32>).sum::<Result<_, _>>()?;
        Ok(TICK * ticks)
    }

    fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        let kibibytes: u64 = kibibytes
            .with_context(|| format!("/proc says no {name}"))?
            .parse()?;
        Ok(kibibytes * 1024)
    }

    fn administer(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = command(&self.program, &self.environment);
        let output = command.args(arguments).arg("--json").output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "`gpt-object-store {}` failed: {said}",
            arguments.join(" ")
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn wait_until_healthy(&mut self, start: Instant, log: &Path) -> Result<()> {
        let health = format!("{}/health", self.base_url);
        while ureq::get(&health).call().is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || start.elapsed() > START_LIMIT {
                bail!(
                    "the server did not start ({ended:?}):\n{}",
                    fs::read_to_string(log)?
                );
            }
            sleep(Duration::from_micros(500));
        }
        Ok(())
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        // What is measured or tested is done; a server that is gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(leash) = self.leash.take() {
            leash.release();
        }
    }
}

fn command(program: &Path, environment: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(program);
    for name in FOREIGN_SETTINGS {
        command.env_remove(name);
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}
