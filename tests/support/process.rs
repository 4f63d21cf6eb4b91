//! The real program as a process: its commands, and a server that is started, stopped and killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use super::http;

/// How long a server may take to answer before its start counts as failed.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long a wait for a process sleeps between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// The program with its settings, in a folder of its own. Nothing else of the environment reaches
/// it, so that a developer's settings change no test.
pub struct Program {
    folder: TempDir,
    settings: BTreeMap<String, String>,
    file_limit: Option<u32>,
}

/// What a command did.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running server; killed when it is dropped.
pub struct ServerProcess {
    program: Program,
    arguments: Vec<String>,
    port: u16,
    child: Child,
    start_time: Duration,
}

impl Program {
    /// The program without any setting, as a new user has it, but for rate limits, which are off: a
    /// test that is about them sets them.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("gos-").tempdir();
        let settings = ["PATH", "TMPDIR"].into_iter().filter_map(|name| {
            let value = std::env::var(name).ok()?;
            Some((name.to_owned(), value))
        });
        Self {
            folder: folder.unwrap(),
            settings: settings.collect(),
            file_limit: None,
        }
        .with("RATE_LIMITS", "off")
    }

    /// The program on `database_url`.
    pub fn on(database_url: &str) -> Self {
        Self::new().with("DATABASE_URL", database_url)
    }

    /// The same with one more setting.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same where no file can grow over so many KiB, as on a disk that is full.
    pub fn with_file_limit(mut self, kibibytes: u32) -> Self {
        self.file_limit = Some(kibibytes);
        self
    }

    /// Where it runs, and where the embedded database and the logs lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command that can still be changed before it is run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_gpt-object-store");
        let mut command = match self.file_limit {
            None => Command::new(program),
            Some(kibibytes) => {
                // The signal would end the process before it could see the error.
                let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
                let mut shell = Command::new("bash");
                shell.args(["-c", &script, program]);
                shell
            }
        };
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .envs(&self.settings)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a command that prints one JSON object.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--json"]].concat());
        run.succeeded();
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
    }

    /// Runs a command that prints one JSON object a line.
    pub fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        let run = self.run(&[arguments, &["--json"]].concat());
        run.succeeded();
        let lines = run.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Starts a server and waits until it answers.
    pub async fn serve(self, arguments: &[&str]) -> ServerProcess {
        self.listen("LISTEN", arguments).await
    }

    /// Starts a worker that tells how it is, and waits until it does.
    pub async fn work(self) -> ServerProcess {
        self.listen("WORKER_LISTEN", &["worker"]).await
    }

    async fn listen(self, setting: &str, arguments: &[&str]) -> ServerProcess {
        let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
        let port = free_port();
        let program = self.with(setting, &format!("127.0.0.1:{port}"));
        let start = Instant::now();
        let child = program.spawn(&arguments);
        let mut server = ServerProcess {
            program,
            arguments,
            port,
            child,
            start_time: Duration::ZERO,
        };
        server.wait_until_healthy(start).await;
        server
    }

    /// Starts a server without waiting; its output is added to two files in the folder.
    fn spawn(&self, arguments: &[String]) -> Child {
        let append = |name: &str| {
            let path = self.folder().join(name);
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .unwrap()
        };
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut command = self.command(&arguments);
        command.stdout(append("stdout")).stderr(append("stderr"));
        command.spawn().unwrap()
    }
}

impl Run {
    /// Panics with what the command said unless it succeeded.
    pub fn succeeded(&self) -> &Self {
        assert_eq!(
            self.code,
            Some(0),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Panics unless the command failed as commands do: exit code 1, nothing on standard output,
    /// and a sentence on standard error that says `what`.
    pub fn failed_saying(&self, what: &str) -> &Self {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        assert_eq!(self.stdout, "");
        assert!(
            self.stderr.contains("gpt-object-store: "),
            "{}",
            self.stderr
        );
        assert!(
            self.stderr.contains(what),
            "{what:?} is not in: {}",
            self.stderr
        );
        self
    }
}

impl ServerProcess {
    /// A server on `database_url` with more settings.
    pub async fn start(database_url: &str, settings: &[(&str, &str)]) -> Self {
        let program = settings
            .iter()
            .fold(Program::on(database_url), |program, (name, value)| {
                program.with(name, value)
            });
        program.serve(&[]).await
    }

    /// The program with the server's settings, for commands beside it.
    pub fn program(&self) -> &Program {
        &self.program
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// From the start of the process to its first 200 at `/health`.
    pub fn start_time(&self) -> Duration {
        self.start_time
    }

    /// What it wrote to standard output since its first start.
    pub fn stdout(&self) -> String {
        fs::read_to_string(self.program.folder().join("stdout")).unwrap()
    }

    /// What it wrote to standard error since its first start.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.program.folder().join("stderr")).unwrap()
    }

    /// Waits until its log says `what`: a thread of its own writes that.
    pub async fn logs(&self, what: &str) {
        let start = Instant::now();
        while !self.stderr().contains(what) {
            let log = self.stderr();
            assert!(start.elapsed() < START_LIMIT, "{what:?} is not in: {log}");
            sleep(PAUSE).await;
        }
    }

    /// Resident memory in bytes.
    pub fn resident_memory(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most that was resident since its last start, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kibibytes.unwrap().trim().parse::<u64>().unwrap() * 1024
    }

    /// Ends it without warning.
    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop (SIGTERM), and does not wait.
    pub fn ask_to_stop(&self) {
        send_signal(&self.child, "TERM");
    }

    /// Asks it to stop and waits for its end, at most `limit`.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.ask_to_stop();
        self.wait_for_end(limit).await
    }

    /// Waits for its end, at most `limit`.
    pub async fn wait_for_end(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                start.elapsed() < limit,
                "the server did not end within {limit:?}:\n{}",
                self.stderr()
            );
            sleep(PAUSE).await;
        }
    }

    /// Starts it again on the same port after it ended.
    pub async fn restart(&mut self) {
        let start = Instant::now();
        self.child = self.program.spawn(&self.arguments);
        self.wait_until_healthy(start).await;
    }

    /// One with a certificate is well when it takes connections: whom it trusts its test knows.
    async fn is_healthy(&self, client: &reqwest::Client) -> bool {
        if self.program.settings.contains_key("TLS_CERTIFICATE") {
            return TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        }
        let answer = client.get(self.url("/health")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    async fn wait_until_healthy(&mut self, start: Instant) {
        let client = http::client();
        while !self.is_healthy(&client).await {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && start.elapsed() < START_LIMIT,
                "the server did not start ({ended:?}):\n{}",
                self.stderr()
            );
            sleep(PAUSE).await;
        }
        self.start_time = start.elapsed();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Sends a signal by its name without `SIG`.
pub fn send_signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success(), "cannot send SIG{name}");
}

/// A port that nobody listens on, below those that the system gives to outgoing connections, so
/// that no client takes it while a server is away.
pub fn free_port() -> u16 {
    loop {
        let random = getrandom::u32().unwrap() % 12_000;
        let port = 20_000 + u16::try_from(random).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
