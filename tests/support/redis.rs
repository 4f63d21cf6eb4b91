//! Redis for tests: the one that they share, and one that may be stopped.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::process::free_port;

/// How long a Redis may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// The Redis that the test command started.
pub fn shared_url() -> String {
    required("TEST_REDIS_URL")
}

/// A Redis of its own that keeps nothing; killed when it is dropped.
pub struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    /// Starts one with the program of `TEST_REDIS_PROGRAM`.
    pub fn start() -> Self {
        let port = free_port();
        let child = spawn(port);
        Self { port, child }
    }

    /// As `REDIS_URL` has it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Makes it forget everything, while those who are connected stay so.
    pub fn empty(&self) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.write_all(b"FLUSHALL\r\n").unwrap();
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n");
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, empty.
    pub fn start_again(&mut self) {
        self.child = spawn(self.port);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

fn spawn(port: u16) -> Child {
    let mut command = Command::new(required("TEST_REDIS_PROGRAM"));
    // One binary is server and tools; its name, which may be a link's, says which.
    command.arg0("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--save", "", "--appendonly", "no"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < PATIENCE, "Redis did not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.unwrap()
}

fn required(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo xtask test`"))
}
