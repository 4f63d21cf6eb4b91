//! `cargo xtask test`: every check and every test in one command. CI runs the same and adds
//! nothing.

mod steps;

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

use self::steps::Steps;
use crate::programs::{DENY, NEXTEST, POSTGRESQL};
use crate::servers::{Cluster, ObjectStore, run as run_command};
use crate::{generate, tidy};

/// The suite's bar after compilation, on a machine that does nothing else.
const SUITE_BAR: Duration = Duration::from_secs(10);

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// Run only the tests whose names contain one of these, campaigns too, and no checks
    filters: Vec<String>,
}

/// Runs the checks, the suite and the campaigns, stops at the first that fails, and prints a
/// table of the steps in any case.
///
/// # Errors
/// When a step fails, with a sentence that says what to do.
pub fn run(root: &Path, arguments: &TestArguments) -> Result<()> {
    let mut steps = Steps::default();
    let outcome = if arguments.filters.is_empty() {
        steps.plan(&[
            "format",
            "tidy",
            "generate",
            "programs",
            "clippy",
            "build",
            "cluster",
            "suite",
            "examples",
            "campaigns",
        ]);
        check(&mut steps, root).and_then(|()| test(&mut steps, root))
    } else {
        steps.plan(&["programs", "build", "cluster", "tests"]);
        test_some(&mut steps, root, &arguments.filters)
    };
    print!("{steps}");
    outcome
}

/// What needs no test to run, the quickest first.
fn check(steps: &mut Steps, root: &Path) -> Result<()> {
    steps.run("format", || {
        cargo(root, &["fmt", "--all", "--check"], "run `cargo fmt --all`")
    })?;
    steps.run("tidy", || tidy::run(root))?;
    steps.run("generate", || generate::run(root, true))?;
    steps.run("programs", require_programs)?;
    steps.run("clippy", || {
        let arguments = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        cargo(
            root,
            &arguments,
            "mend what clippy says, or say why not with `#[expect(…, reason = …)]`",
        )
    })?;
    if DENY.find().is_some() {
        steps.run("licenses", || {
            // Advisories need the network and change from day to day; CI asks for them apart.
            cargo(
                root,
                &["deny", "--offline", "check", "licenses", "bans"],
                "see deny.toml for what is permitted",
            )
        })?;
    }
    Ok(())
}

fn test(steps: &mut Steps, root: &Path) -> Result<()> {
    steps.run("build", || build(root))?;
    let tests = steps.run("cluster", || Tests::start(root))?;
    steps.run("suite", || tests.suite())?;
    steps.run("examples", || tests.examples())?;
    steps.run("campaigns", || tests.nextest(&["--profile", "campaigns"]))
}

fn test_some(steps: &mut Steps, root: &Path, filters: &[String]) -> Result<()> {
    steps.run("programs", require_programs)?;
    steps.run("build", || build(root))?;
    let tests = steps.run("cluster", || Tests::start(root))?;
    let mut arguments = vec!["--ignore-default-filter", "--profile", "campaigns"];
    arguments.extend(filters.iter().map(String::as_str));
    steps.run("tests", || tests.nextest(&arguments))
}

fn require_programs() -> Result<()> {
    NEXTEST.require()?;
    POSTGRESQL.require()?;
    Ok(())
}

fn build(root: &Path) -> Result<()> {
    let advice = "mend what the compiler says";
    cargo(root, &["build", "--workspace"], advice)?;
    cargo(root, &["nextest", "run", "--workspace", "--no-run"], advice)
}

/// The tests and the servers they use, which go when this is dropped.
struct Tests<'a> {
    root: &'a Path,
    cluster: Cluster,
}

impl<'a> Tests<'a> {
    fn start(root: &'a Path) -> Result<Self> {
        let initdb = POSTGRESQL.require()?;
        let bin = initdb.parent().unwrap_or(Path::new("/"));
        // Every test process brings a pool of its own.
        let cluster = Cluster::start(
            bin,
            &[("max_connections", "300"), ("shared_buffers", "256MB")],
        )?;
        println!("PostgreSQL from {} serves the tests", bin.display());
        Ok(Self { root, cluster })
    }

    /// Runs the suite and says how long it took, which is a bar where nothing else runs.
    fn suite(&self) -> Result<()> {
        let start = Instant::now();
        self.nextest(&[])?;
        let (took, bar) = (start.elapsed().as_secs_f64(), SUITE_BAR.as_secs());
        println!("The suite took {took:.1} s after compilation; its bar is {bar} s.");
        if took > SUITE_BAR.as_secs_f64() {
            let strict = env::var("STRICT_SUITE_TIME").is_ok_and(|value| value == "1");
            ensure!(
                !strict,
                "the suite took {took:.1} s, over {bar} s: make its slowest tests faster, or campaigns of them"
            );
            println!("That is over the bar; STRICT_SUITE_TIME=1 makes it a failure.");
        }
        Ok(())
    }

    /// Runs the examples in the documentation; those of the client talk to a real server.
    fn examples(&self) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let database = format!("sqlite://{}/examples.db", folder.path().display());
        let program = ObjectStore::program(self.root, "debug");
        let server = ObjectStore::start(&program, &database, folder.path())?;
        let mut command = self.command(&["test", "--workspace", "--doc", "--quiet"]);
        command.env("TEST_SERVER_URL", server.base_url());
        command.env("TEST_SERVER_GPT", "example");
        command.env("TEST_SERVER_KEY", server.make_key("example")?);
        succeed(&mut command, "mend the example that failed")
    }

    fn nextest(&self, arguments: &[&str]) -> Result<()> {
        let arguments = [&["nextest", "run", "--workspace"], arguments].concat();
        succeed(
            &mut self.command(&arguments),
            "`cargo xtask test NAME` runs one test alone",
        )
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cargo_command(self.root, arguments);
        command.env("TEST_POSTGRES_URL", self.cluster.url("postgres"));
        command.env("TEST_POSTGRES_BIN", self.cluster.bin());
        command.env("TEST_DATABASES", "sqlite,postgres");
        command
    }
}

fn cargo(root: &Path, arguments: &[&str], advice: &str) -> Result<()> {
    succeed(&mut cargo_command(root, arguments), advice)
}

fn succeed(command: &mut Command, advice: &str) -> Result<()> {
    let status = run_command(command)?;
    let words: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    ensure!(
        status.success(),
        "`cargo {}` failed: {advice}",
        words.join(" ")
    );
    Ok(())
}

fn cargo_command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root);
    command
}
