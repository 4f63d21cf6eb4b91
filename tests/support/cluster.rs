//! Databases for tests: one of its own on the shared cluster, one in a file, and a whole
//! PostgreSQL cluster that may be stopped.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::process::{free_port, send_signal};

/// How long a cluster may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// An empty database that goes when this is dropped.
pub enum ScratchDatabase {
    Sqlite { _folder: TempDir, url: String },
    Postgres { name: String, url: String },
}

/// A PostgreSQL cluster of its own, durable as PostgreSQL is by default, that goes when this is
/// dropped.
pub struct Cluster {
    bin: PathBuf,
    folder: TempDir,
    account: Option<(u32, u32)>,
    port: u16,
    /// Other accounts of this machine can reach the port.
    password: String,
    child: Option<Child>,
}

/// How a cluster is stopped.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// Transactions are rolled back and connections ended.
    Fast,
    /// As after a crash: the next start recovers.
    Immediate,
}

impl ScratchDatabase {
    /// A file that does not exist yet.
    pub fn sqlite() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gos-db-")
            .tempdir()
            .unwrap();
        let url = format!("sqlite://{}/store.db", folder.path().display());
        Self::Sqlite {
            _folder: folder,
            url,
        }
    }

    /// A database of its own on the cluster that the test command started.
    pub async fn postgres() -> Self {
        let admin = required("TEST_POSTGRES_URL");
        let name = format!("test_{:016x}", getrandom::u64().unwrap());
        execute_on_postgres(&admin, &format!("CREATE DATABASE {name}")).await;
        let url = with_database(&admin, &name);
        Self::Postgres { name, url }
    }

    /// As `DATABASE_URL` has it.
    pub fn url(&self) -> &str {
        match self {
            Self::Sqlite { url, .. } | Self::Postgres { url, .. } => url,
        }
    }

    /// Runs one statement and says how many rows it changed.
    pub async fn execute(&self, sql: &str) -> u64 {
        match self {
            Self::Sqlite { url, .. } => {
                let mut connection = SqliteConnection::connect(url).await.unwrap();
                let statement = sqlx::query(AssertSqlSafe(sql));
                let done = statement.execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                done.rows_affected()
            }
            Self::Postgres { url, .. } => execute_on_postgres(url, sql).await,
        }
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        let Self::Postgres { name, .. } = self else {
            return;
        };
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // A drop cannot wait for a future, so the statement has a thread of its own.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let admin = required("TEST_POSTGRES_URL");
            runtime.unwrap().block_on(execute_on_postgres(&admin, &sql));
        });
        if dropped.join().is_err() {
            eprintln!("the database {name} could not be dropped");
        }
    }
}

impl Cluster {
    /// Makes and starts a cluster with the programs of `TEST_POSTGRES_BIN`.
    pub fn start() -> Self {
        let bin = PathBuf::from(required("TEST_POSTGRES_BIN"));
        let folder = tempfile::Builder::new()
            .prefix("gos-pg-")
            .tempdir()
            .unwrap();
        let account = account(&folder);
        if let Some((uid, gid)) = account {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut cluster = Self {
            bin,
            folder,
            account,
            port: free_port(),
            password: format!("{:016x}", getrandom::u64().unwrap()),
            child: None,
        };
        cluster.initialize();
        cluster.start_again();
        cluster
    }

    /// A URL of the superuser to `database`, over TCP, as a server in production has it.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    /// Stops it and waits for its end.
    pub fn stop(&mut self, how: Stop) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        };
        send_signal(&child, signal);
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if start.elapsed() > PATIENCE {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it after a stop, on the same port, and waits until it takes connections.
    pub fn start_again(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let mut server = self.command("postgres");
        server.args(["-D", "data", "-p", &self.port.to_string()]);
        server
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null());
        self.child = Some(server.spawn().unwrap());
        let start = Instant::now();
        while !self.takes_connections() {
            assert!(
                start.elapsed() < PATIENCE,
                "PostgreSQL did not start:\n{}",
                fs::read_to_string(self.log()).unwrap()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn takes_connections(&self) -> bool {
        let mut ready = self.command("pg_isready");
        ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        ready.status().unwrap().success()
    }

    fn initialize(&self) {
        let password_file = self.folder.path().join("password");
        fs::write(&password_file, &self.password).unwrap();
        if let Some((uid, gid)) = self.account {
            chown(&password_file, Some(uid), Some(gid)).unwrap();
        }
        let mut initdb = self.command("initdb");
        initdb.args([
            "--pgdata=data",
            "--username=postgres",
            "--auth=md5",
            "--pwfile=password",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]);
        let output = initdb.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb failed:\n{said}");
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n",
            self.folder.path().display()
        );
        let file = self.folder.path().join("data/postgresql.conf");
        let defaults = fs::read_to_string(&file).unwrap();
        fs::write(file, defaults + &settings).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop(Stop::Immediate);
    }
}

/// The account to run PostgreSQL as: ours (`None`), or, since it refuses to run as root, that of
/// `postgres` or `nobody`.
fn account(ours: &TempDir) -> Option<(u32, u32)> {
    if fs::metadata(ours.path()).unwrap().uid() != 0 {
        return None;
    }
    let number = |flag: &str, name: &str| {
        let output = Command::new("id").args([flag, name]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    let mut names = ["postgres", "nobody"].into_iter();
    let found = names.find_map(|name| Some((number("-u", name)?, number("-g", name)?)));
    Some(found.expect("PostgreSQL refuses to run as root: add an account `postgres` or `nobody`"))
}

async fn execute_on_postgres(url: &str, sql: &str) -> u64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let statement = sqlx::query(AssertSqlSafe(sql));
    let done = statement.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    done.rows_affected()
}

/// `url` with another database.
fn with_database(url: &str, database: &str) -> String {
    let mut url = reqwest::Url::parse(url).unwrap();
    url.set_path(database);
    url.into()
}

fn required(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo xtask test`"))
}
