//! `cargo xtask test`: every check and every test in one command. CI runs the same and adds
//! nothing.

mod node;
mod python;
mod servers;
mod steps;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

use self::servers::Servers;
use self::steps::Steps;
use crate::programs::{
    CHROMIUM, DENY, NEXTEST, POSTGRESQL, PROMETHEUS, PROMTOOL, REDIS, cargo_command,
};
use crate::servers::{Cluster, ObjectStore, Redis, run as run_command, suite_place, target};
use crate::{generate, tidy};

/// The suite's bar after compilation, on a machine that does nothing else.
const SUITE_BAR: Duration = Duration::from_secs(10);

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// Run only the tests whose names contain one of these, campaigns too, and no checks
    filters: Vec<String>,
    /// Run the suite alone: no checks, no examples, no campaigns
    #[arg(long, conflicts_with = "filters")]
    suite: bool,
}

/// Runs the checks, the suite and the campaigns, stops at the first that fails, and prints a
/// table of the steps in any case.
///
/// # Errors
/// When a step fails, with a sentence that says what to do.
pub fn run(root: &Path, arguments: &TestArguments) -> Result<()> {
    let mut steps = Steps::default();
    let outcome = if arguments.suite {
        steps.plan(&["programs", "build", "cluster", "servers", "suite"]);
        suite_alone(&mut steps, root)
    } else if arguments.filters.is_empty() {
        steps.plan(&[
            "format",
            "tidy",
            "generate",
            "programs",
            "clippy",
            "build",
            "cluster",
            "servers",
            "suite",
            "examples",
            "campaigns",
        ]);
        check(&mut steps, root).and_then(|()| test(&mut steps, root))
    } else {
        steps.plan(&["programs", "build", "cluster", "servers", "tests"]);
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
    steps.run("programs", || require_programs(root))?;
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
    let servers = steps.run("servers", || Servers::start(root, &tests.cluster))?;
    steps.run("suite", || tests.suite(&servers))?;
    steps.run("examples", || tests.examples(&servers))?;
    steps.run("campaigns", || {
        tests.nextest(&servers, &["--profile", "campaigns"])
    })
}

fn suite_alone(steps: &mut Steps, root: &Path) -> Result<()> {
    steps.run("programs", || require_programs(root))?;
    steps.run("build", || build(root))?;
    let tests = steps.run("cluster", || Tests::start(root))?;
    let servers = steps.run("servers", || Servers::start(root, &tests.cluster))?;
    steps.run("suite", || tests.suite(&servers))
}

fn test_some(steps: &mut Steps, root: &Path, filters: &[String]) -> Result<()> {
    steps.run("programs", || require_programs(root))?;
    steps.run("build", || build(root))?;
    let tests = steps.run("cluster", || Tests::start(root))?;
    let servers = steps.run("servers", || Servers::start(root, &tests.cluster))?;
    let mut arguments = vec!["--ignore-default-filter", "--profile", "campaigns"];
    arguments.extend(filters.iter().map(String::as_str));
    steps.run("tests", || tests.nextest(&servers, &arguments))
}

fn require_programs(root: &Path) -> Result<()> {
    NEXTEST.require()?;
    POSTGRESQL.require()?;
    REDIS.require()?;
    CHROMIUM.require()?;
    PROMETHEUS.require()?;
    PROMTOOL.require()?;
    node::packages(root, &target(root))?;
    python::interpreter(root, &target(root))?;
    Ok(())
}

/// Builds every test, and the program too, since integration tests run it. A `cargo build` would
/// compile the dependencies once more, without the features that tests add to them.
fn build(root: &Path) -> Result<()> {
    let arguments = ["nextest", "run", "--workspace", "--no-run"];
    cargo(root, &arguments, "mend what the compiler says")
}

/// The tests and the servers they use, which go when this is dropped.
struct Tests<'a> {
    root: &'a Path,
    cluster: Cluster,
    redis: Redis,
    redis_program: PathBuf,
}

impl<'a> Tests<'a> {
    fn start(root: &'a Path) -> Result<Self> {
        let initdb = POSTGRESQL.require()?;
        let bin = initdb.parent().unwrap_or(Path::new("/"));
        // Every test process brings a pool of its own.
        let cluster = Cluster::start(
            bin,
            &suite_place(),
            &[("max_connections", "300"), ("shared_buffers", "256MB")],
        )?;
        println!("PostgreSQL from {} serves the tests", bin.display());
        let redis_program = REDIS.require()?;
        let redis = Redis::start(&redis_program)?;
        Ok(Self {
            root,
            cluster,
            redis,
            redis_program,
        })
    }

    /// Runs the suite and says how long it took, which is a bar where nothing else runs.
    fn suite(&self, servers: &Servers) -> Result<()> {
        let start = Instant::now();
        self.nextest(servers, &[])?;
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

    /// Runs the example in the client's documentation against both servers.
    fn examples(&self, servers: &Servers) -> Result<()> {
        for server in servers.on_each_database() {
            let mut example = Command::new(
                ObjectStore::program(self.root, "debug").with_file_name("examples/notes"),
            );
            example.env("GOS_URL", server.base_url());
            example.env("GOS_KEY", server.make_key("example")?);
            ensure!(
                run_command(&mut example)?.success(),
                "client/examples/notes.rs failed: mend the example or the client"
            );
        }
        Ok(())
    }

    fn nextest(&self, servers: &Servers, arguments: &[&str]) -> Result<()> {
        let is_suite = arguments.is_empty();
        let arguments = [&["nextest", "run", "--workspace"], arguments].concat();
        let mut command = self.command(servers, &arguments);
        if is_suite {
            command.env("TMPDIR", suite_place());
        }
        succeed(&mut command, "`cargo xtask test NAME` runs one test alone")
    }

    fn command(&self, servers: &Servers, arguments: &[&str]) -> Command {
        let mut command = cargo_command(self.root, arguments);
        servers.describe(&mut command);
        // Nextest would start each test by way of itself, for the sake of Ctrl-Z.
        command.env("NEXTEST_DOUBLE_SPAWN", "0");
        // Each thread would else have a heap of its own, which grows page by page: a tenth of the
        // suite's time.
        command.env("MALLOC_ARENA_MAX", "1");
        command.env("TEST_NODE_MODULES", target(self.root).join("test-node"));
        let python = target(self.root).join("test-python/bin/python");
        command.env("TEST_PYTHON", python);
        for (variable, program) in [
            ("TEST_CHROMIUM", &CHROMIUM),
            ("TEST_PROMETHEUS", &PROMETHEUS),
            ("TEST_PROMTOOL", &PROMTOOL),
        ] {
            if let Some(path) = program.find() {
                command.env(variable, path);
            }
        }
        command.env("TEST_POSTGRES_URL", self.cluster.url("postgres"));
        command.env("TEST_POSTGRES_BIN", self.cluster.bin());
        command.env("TEST_REDIS_URL", self.redis.url());
        command.env("TEST_REDIS_PROGRAM", &self.redis_program);
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
