//! PostgreSQL from the binaries of this machine.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{Leash, free_port};
use crate::programs::is_root;

/// A PostgreSQL cluster of its own on a free port of 127.0.0.1, stopped and removed on drop.
///
/// Durability stays at PostgreSQL's defaults (`fsync`, `synchronous_commit` on). Text is ordered
/// by ICU's English rules where they are built in, not bytewise, so that a query which leans
/// on the order of one database shows it.
pub struct Cluster {
    bin: PathBuf,
    port: u16,
    password: String,
    _leash: Leash,
}

impl Cluster {
    /// Makes and starts a cluster from the binaries in `bin`, in a folder of its own within `place`,
    /// with lines of `postgresql.conf`.
    ///
    /// # Errors
    /// When `initdb` or the server fails, with what they said.
    pub fn start(bin: &Path, place: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let account = Account::for_postgres()?;
        let folder = tempfile::Builder::new()
            .prefix("gos-cluster-")
            .tempdir_in(place)?;
        chown(folder.path(), Some(account.uid), Some(account.gid))?;
        let password = random_password()?;
        initialize(bin, folder.path(), &account, &password)?;
        configure(&folder.path().join("data"), settings)?;
        let script = "\"$1/pg_ctl\" -D \"$2/data\" -m immediate -w stop; cd /; rm -rf \"$2\"";
        let texts = [bin, folder.path()].map(|path| path.to_string_lossy().into_owned());
        let shell = account.command(Path::new("sh"), folder.path());
        let leash = Leash::new(shell, script, &[&texts[0], &texts[1]])?;
        // From here on the leash removes the folder: it also lives through `kill -9`.
        let folder = folder.keep();
        let port = start_server(bin, &folder, &account)?;
        Ok(Self {
            bin: bin.to_owned(),
            port,
            password,
            _leash: leash,
        })
    }

    /// A URL of the superuser to one of the cluster's databases.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    /// The folder of PostgreSQL's programs.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// One of PostgreSQL's programs, with the environment that leads it to this cluster.
    pub fn command(&self, program: &str, database: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string());
        command
            .env("PGUSER", "postgres")
            .env("PGPASSWORD", &self.password)
            .env("PGDATABASE", database);
        command
    }
}

/// The account that a PostgreSQL server runs as.
struct Account {
    uid: u32,
    gid: u32,
    /// Set when the account is not ours, so that a child has to change to it.
    change: bool,
}

impl Account {
    /// Ours; when we are root, which PostgreSQL refuses, that of `postgres` or `nobody`.
    fn for_postgres() -> Result<Self> {
        if !is_root() {
            return Ok(Self {
                uid: id(&["-u"])?,
                gid: id(&["-g"])?,
                change: false,
            });
        }
        let name = ["postgres", "nobody"]
            .into_iter()
            .find(|name| id(&["-u", name]).is_ok());
        let name = name.context("PostgreSQL refuses to run as root, and there is no account `postgres` or `nobody` to run it as")?;
        Ok(Self {
            uid: id(&["-u", name])?,
            gid: id(&["-g", name])?,
            change: true,
        })
    }

    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env("LC_ALL", "C");
        if self.change {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }
}

fn id(arguments: &[&str]) -> Result<u32> {
    let output = Command::new("id")
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .context("cannot run `id`")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// Other accounts of this machine can reach the port, so the superuser has a password.
fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn initialize(bin: &Path, folder: &Path, account: &Account, password: &str) -> Result<()> {
    let password_file = folder.join("password");
    fs::write(&password_file, password)?;
    chown(&password_file, Some(account.uid), Some(account.gid))?;
    let icu: &[&str] = &["--locale-provider=icu", "--icu-locale=en-US", "--locale=C"];
    let mut said = String::new();
    // Some builds and versions before 15 know no ICU.
    for locale in [icu, &["--locale=C"]] {
        let mut initdb = account.command(&bin.join("initdb"), folder);
        initdb.args([
            "--pgdata=data",
            "--username=postgres",
            "--auth=md5",
            "--pwfile=password",
        ]);
        initdb
            .args(["--encoding=UTF8", "--no-sync", "--no-instructions"])
            .args(locale);
        let output = initdb
            .output()
            .with_context(|| format!("cannot run {}/initdb", bin.display()))?;
        if output.status.success() {
            return Ok(());
        }
        said.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    bail!("initdb failed:\n{said}");
}

fn configure(data: &Path, settings: &[(&str, &str)]) -> Result<()> {
    // Nothing connects by a socket file, whose path may not be longer than 107 bytes.
    let ours = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
    ];
    let lines = ours
        .iter()
        .chain(settings)
        .map(|(name, value)| format!("{name} = '{value}'\n"));
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(data.join("postgresql.conf"))?;
    file.write_all(lines.collect::<String>().as_bytes())?;
    Ok(())
}

/// Starts the server and returns its port; another process may take a free port before it does.
fn start_server(bin: &Path, folder: &Path, account: &Account) -> Result<u16> {
    for _ in 0..3 {
        let port = free_port()?;
        let mut start = account.command(&bin.join("pg_ctl"), folder);
        start.args([
            "-D",
            "data",
            "-l",
            "log",
            "-w",
            "-t",
            "60",
            "-o",
            &format!("-p {port}"),
            "start",
        ]);
        if start.output()?.status.success() {
            return Ok(port);
        }
    }
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    bail!("PostgreSQL did not start:\n{log}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_differ() {
        assert_ne!(random_password().unwrap(), random_password().unwrap());
    }
}
