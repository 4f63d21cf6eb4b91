//! A worker beside a server.

use std::process::{Child, Stdio};

use crate::support::process::ServerProcess;

/// A worker, killed when it is dropped.
pub struct Worker(Child);

impl Worker {
    pub fn beside(server: &ServerProcess) -> Self {
        let mut command = server.program().command(&["worker"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, if it has not been killed before.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}
