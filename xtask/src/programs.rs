//! Programs that the commands run but the workspace does not build: found, installed where that
//! is allowed, or asked for in one sentence. Never skipped.

use std::env;
use std::fs;
use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// PostgreSQL's server and tools; `initdb`, `pg_ctl`, `psql` and `pgbench` share one folder.
pub const POSTGRESQL: Program = Program {
    name: "PostgreSQL",
    executable: "initdb",
    folders: &[
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
    ],
    source: Source::Apt("postgresql"),
};

/// Redis's server, for what replicas share.
pub const REDIS: Program = Program {
    name: "Redis",
    executable: "redis-server",
    folders: &[],
    source: Source::Apt("redis-server"),
};

/// The test runner: one process a test, with a time limit each.
pub const NEXTEST: Program = Program {
    name: "cargo-nextest",
    executable: "cargo-nextest",
    folders: &[],
    source: Source::Cargo("cargo-nextest"),
};

/// Checks licences and duplicate crates; run where it is installed.
pub const DENY: Program = Program {
    name: "cargo-deny",
    executable: "cargo-deny",
    folders: &[],
    source: Source::Cargo("cargo-deny"),
};

/// The HTTP load generator that costs the least CPU, which it shares with what it measures.
pub const WRK: Program = Program {
    name: "wrk",
    executable: "wrk",
    folders: &[],
    source: Source::Apt("wrk"),
};

/// Runs the programs of others that the tests hold against the server.
pub const NODE: Program = Program {
    name: "Node",
    executable: "node",
    folders: &[],
    source: Source::Apt("nodejs"),
};

/// Brings the packages that those programs are made of.
pub const NPM: Program = Program {
    name: "npm",
    executable: "npm",
    folders: &[],
    source: Source::Apt("npm"),
};

/// Runs the programs of others that the tests hold against the server.
pub const PYTHON: Program = Program {
    name: "Python",
    executable: "python3",
    folders: &[],
    source: Source::Apt("python3-venv"),
};

/// A browser, for what only a browser knows: what it lets a page see.
pub const CHROMIUM: Program = Program {
    name: "Chromium",
    executable: "chromium",
    folders: &[],
    source: Source::Apt("chromium"),
};

/// Scrapes a server and asks what the dashboard asks.
pub const PROMETHEUS: Program = Program {
    name: "Prometheus",
    executable: "prometheus",
    folders: &[],
    source: Source::Apt("prometheus"),
};

/// Checks alert rules and metrics.
pub const PROMTOOL: Program = Program {
    name: "promtool",
    executable: "promtool",
    folders: &[],
    source: Source::Apt("prometheus"),
};

/// The static server that files are measured beside.
pub const NGINX: Program = Program {
    name: "nginx",
    executable: "nginx",
    folders: &["/usr/sbin"],
    source: Source::Apt("nginx-light"),
};

/// One program, where it may lie, and where it comes from.
pub struct Program {
    name: &'static str,
    executable: &'static str,
    /// Folders outside `PATH` to look in; one `*` in each stands for a version.
    folders: &'static [&'static str],
    source: Source,
}

/// Who installs a program.
enum Source {
    /// A package of Debian and Ubuntu; other systems name theirs alike.
    Apt(&'static str),
    /// A crate with a binary.
    Cargo(&'static str),
}

impl Program {
    /// The path of the program, which is installed first when it is missing and that is allowed.
    ///
    /// # Errors
    /// A sentence that says what to install, when it is missing and may not be installed here.
    pub fn require(&self) -> Result<PathBuf> {
        if let Some(found) = self.find() {
            return Ok(found);
        }
        self.install()?;
        let found = self.find();
        found.with_context(|| {
            format!(
                "{} was installed, but its `{}` is not found",
                self.name, self.executable
            )
        })
    }

    /// The path of the program, if it is installed: first `PATH`, then the newest of its folders.
    /// Links are followed, since the programs that belong to it lie where it really is.
    pub fn find(&self) -> Option<PathBuf> {
        let search = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&search).chain(
            self.folders
                .iter()
                .flat_map(|pattern| newest_first(pattern)),
        );
        folders
            .map(|folder| folder.join(self.executable))
            .find_map(|path| path.canonicalize().ok().filter(|path| path.is_file()))
    }

    fn install(&self) -> Result<()> {
        let Some(commands) = self.install_commands() else {
            bail!(
                "{} is missing, and this command may not install it here (it does so with CI=true, or as root \
                 without a terminal). Install it with `{}`, or what your system calls it, and run this again",
                self.name,
                self.advice()
            );
        };
        for command in commands {
            println!(
                "{} is missing; installing it: {}",
                self.name,
                command.join(" ")
            );
            let status = Command::new(command[0])
                .args(&command[1..])
                .env("DEBIAN_FRONTEND", "noninteractive")
                .status()
                .with_context(|| format!("cannot run `{}`", command[0]))?;
            ensure!(
                status.success(),
                "`{}` failed ({status}); install {} by hand",
                command.join(" "),
                self.name
            );
        }
        Ok(())
    }

    fn advice(&self) -> String {
        match self.source {
            Source::Apt(package) => format!("apt-get install {package}"),
            Source::Cargo(package) => format!("cargo install {package} --locked"),
        }
    }

    /// The commands that install the program, or `None` when nobody allowed that here.
    fn install_commands(&self) -> Option<Vec<Vec<&'static str>>> {
        let continuous = env::var("CI").is_ok_and(|value| value == "true");
        let alone = is_root() && !stdin().is_terminal();
        if !(continuous || alone) {
            return None;
        }
        match self.source {
            Source::Cargo(package) => Some(vec![vec!["cargo", "install", package, "--locked"]]),
            Source::Apt(package) => {
                succeeds("apt-get", &["--version"]).then_some(())?;
                let prefix: &[&str] = if is_root() { &[] } else { &["sudo", "-n"] };
                (prefix.is_empty() || succeeds("sudo", &["-n", "true"])).then_some(())?;
                let update = [prefix, &["apt-get", "update", "-q"]].concat();
                let install = [prefix, &["apt-get", "install", "-q", "-y", package]].concat();
                Some(vec![update, install])
            }
        }
    }
}

/// Cargo in the folder `root`, as if it were called from a shell.
///
/// `cargo xtask` passes on what cargo told it about the package `xtask`. Build scripts of others
/// watch those variables, and would compile half the tree anew each time the caller changes.
pub fn cargo_command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(describes_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether cargo sets the variable for one package, rather than the user for all of them.
fn describes_package(variable: &str) -> bool {
    let exact = [
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ];
    exact.contains(&variable)
        || ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|start| variable.starts_with(start))
}

/// Whether this process runs as root, which PostgreSQL refuses to.
pub fn is_root() -> bool {
    let answer = Command::new("id").arg("-u").output();
    answer.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The folders that `pattern` names, the highest number in place of its `*` first.
fn newest_first(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let names = fs::read_dir(Path::new(parent))
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<(u64, String)> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| Some((version(name.strip_prefix(prefix)?), name.clone())))
        .collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    let folders = versions
        .iter()
        .map(|(_, name)| format!("{parent}/{name}{after}"));
    folders.map(PathBuf::from).collect()
}

/// The leading number of `text`, so that 9 comes before 17.
fn version(text: &str) -> u64 {
    let digits = text
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_version_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9.6", "17", "15", "other"] {
            fs::create_dir_all(root.path().join(name).join("bin")).unwrap();
        }
        let found = newest_first(&format!("{}/*/bin", root.path().display()));
        let names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(root.path()).unwrap())
            .collect();
        assert_eq!(
            names,
            ["17/bin", "15/bin", "9.6/bin", "other/bin"].map(Path::new)
        );
    }

    #[test]
    fn cargo_runs_as_if_from_a_shell() {
        assert!(describes_package("CARGO_PKG_NAME") && describes_package("CARGO_MANIFEST_DIR"));
        assert!(!describes_package("CARGO_TARGET_DIR") && !describes_package("CARGO_HOME"));
        let command = cargo_command(Path::new("/"), &["build"]);
        let removed = |name: &str| {
            command
                .get_envs()
                .any(|(key, value)| key == name && value.is_none())
        };
        assert!(removed("CARGO_PKG_NAME"));
    }

    #[test]
    fn a_missing_program_is_not_found() {
        let missing = Program {
            name: "none",
            executable: "no-such-program",
            folders: &["/nowhere-*/bin"],
            source: Source::Apt("none"),
        };
        assert_eq!(missing.find(), None);
    }
}
