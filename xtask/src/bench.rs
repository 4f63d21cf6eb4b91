//! `cargo xtask bench`: the server beside `pgbench`, on the same machine, in the same run.
//!
//! Rounds of the two alternate, and medians are compared, so that what else the machine does
//! falls on both alike. The load generator and both servers share its cores.

mod checks;
mod files;
mod imports;
mod load;
mod plot;
mod process;
mod report;
mod storage;
mod telemetry;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::load::{Loads, Rounds, Workload};
use self::report::{Bar, Line, Report};
use crate::programs::{POSTGRESQL, WRK, cargo_command};
use crate::servers::{Cluster, ObjectStore, run as run_command};

/// Preloaded objects that are read at random, and the depth of the deep page.
const OBJECTS: u32 = 100_000;

/// A small production's memory; all that concerns durability stays at its default.
const SETTINGS: &[(&str, &str)] = &[
    ("max_connections", "200"),
    ("shared_buffers", "512MB"),
    ("max_wal_size", "4GB"),
];

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// What to measure; everything when nothing is named
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Few short rounds: to see that it works, not to compare
    #[arg(long)]
    quick: bool,
    /// Fail when a bar is missed
    #[arg(long)]
    strict: bool,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The start and the memory of the process
    Process,
    /// Objects beside pgbench
    Objects,
    /// Who calls, and how often: what it costs to check
    Checks,
    /// Namespaces of keys and values
    Storage,
    /// Files beside nginx
    Files,
    /// Imports beside COPY
    Imports,
    /// Metrics and traces: what they cost
    Telemetry,
}

/// How much is measured.
pub struct Plan {
    pub rounds: u32,
    pub seconds: u32,
    pub starts: u32,
    /// Documents of an import.
    pub documents: u32,
}

/// Measures, prints a table, and writes the figures and a plot to `bench-results/`.
///
/// # Errors
/// When something does not run, and with `--strict` when a bar is missed.
pub fn run(root: &Path, arguments: &BenchArguments) -> Result<()> {
    let plan = if arguments.quick {
        Plan {
            rounds: 3,
            seconds: 2,
            starts: 3,
            documents: 50_000,
        }
    } else {
        Plan {
            rounds: 7,
            seconds: 6,
            starts: 10,
            documents: 200_000,
        }
    };
    let initdb = POSTGRESQL.require()?;
    let is_wanted = |part| arguments.parts.is_empty() || arguments.parts.contains(&part);
    let folder = tempfile::tempdir()?;
    let unguarded = is_wanted(Part::Checks).then(|| checks::build(root, folder.path()));
    let unguarded = unguarded.transpose()?;
    // After the other one, so that this is what lies where releases are taken from.
    build(root)?;
    let program = ObjectStore::program(root, "release");
    let mut report = Report::new(&plan);
    if is_wanted(Part::Process) {
        println!("Starting on SQLite, {} times", plan.starts);
        report.lines.extend(process::lines(&program, &plan)?);
    }
    let cluster = Cluster::start(
        initdb.parent().unwrap_or(Path::new("/")),
        &std::env::temp_dir(),
        SETTINGS,
    )?;
    if [Part::Objects, Part::Checks, Part::Telemetry]
        .into_iter()
        .any(is_wanted)
    {
        let wrk = WRK.require()?;
        let loads = prepare(&cluster, &program, &wrk, folder.path())?;
        if is_wanted(Part::Objects) {
            measure_objects(&loads, &plan, &mut report)?;
        }
        if let Some(program) = &unguarded {
            let line = checks::line(&loads, &cluster, program, folder.path(), &plan)?;
            report.lines.push(line);
        }
        if is_wanted(Part::Telemetry) {
            let lines = telemetry::lines(&loads, &cluster, &program, folder.path(), &plan)?;
            report.lines.extend(lines);
        }
    }
    if is_wanted(Part::Storage) {
        let lines = storage::lines(&program, &cluster, &plan)?;
        report.lines.extend(lines);
    }
    if is_wanted(Part::Files) {
        report.lines.extend(files::lines(&program, &plan)?);
    }
    if is_wanted(Part::Imports) {
        report
            .lines
            .extend(imports::lines(&program, &cluster, &plan)?);
    }
    report.publish(&root.join("bench-results"))?;
    let missed = report.missed();
    ensure!(
        !arguments.strict || missed.is_empty(),
        "missed bars: {}",
        missed.join(", ")
    );
    Ok(())
}

fn measure_objects(loads: &Loads<'_>, plan: &Plan, report: &mut Report) -> Result<()> {
    let rounds = throughput(loads, plan)?;
    report.lines.extend(rounds.iter().map(throughput_line));
    report.lines.push(depth_line(loads, plan)?);
    report.rounds = rounds;
    Ok(())
}

fn build(root: &Path) -> Result<()> {
    let mut cargo = cargo_command(
        root,
        &["build", "--release", "--package", "gpt-object-store"],
    );
    ensure!(
        run_command(&mut cargo)?.success(),
        "the release build failed: mend what the compiler says"
    );
    Ok(())
}

/// A server on a fresh database with a GPT, two collections and the preloaded objects.
fn prepare<'a>(
    cluster: &'a Cluster,
    program: &Path,
    wrk: &Path,
    folder: &Path,
) -> Result<Loads<'a>> {
    println!("Preloading {OBJECTS} objects of 1 KB");
    psql(cluster, "postgres", &["-c", "CREATE DATABASE bench"])?;
    let server = ObjectStore::start(program, &cluster.url("bench"), folder)?;
    let key = server.make_key("bench")?;
    for name in ["notes", "made"] {
        let request = ureq::post(format!("{}/v1/gpts/bench/collections", server.base_url()));
        let answer = request
            .header("Authorization", format!("Bearer {key}"))
            .send_json(json!({ "name": name }));
        answer.with_context(|| format!("cannot make the collection {name}"))?;
    }
    let alike = folder.join("alike.sql");
    fs::write(&alike, include_str!("bench/alike.sql"))?;
    let preload = folder.join("preload.sql");
    fs::write(&preload, include_str!("bench/preload.sql"))?;
    let objects = format!("objects={OBJECTS}");
    psql(
        cluster,
        "bench",
        &[
            "-v",
            &objects,
            "-f",
            &alike.to_string_lossy(),
            "-f",
            &preload.to_string_lossy(),
        ],
    )?;
    Loads::new(cluster, server, key, wrk, folder)
}

fn psql(cluster: &Cluster, database: &str, arguments: &[&str]) -> Result<()> {
    let mut psql = cluster.command("psql", database);
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"])
        .args(arguments);
    let output = psql.output().context("cannot run `psql`")?;
    ensure!(
        output.status.success(),
        "psql failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Every workload in turn, ours and `pgbench`'s side by side; which goes first alternates.
fn throughput(loads: &Loads<'_>, plan: &Plan) -> Result<Vec<Rounds>> {
    let mut all: Vec<_> = Workload::ALL.into_iter().map(Rounds::new).collect();
    for workload in Workload::ALL {
        loads.ours(workload, 1)?;
        loads.pgbench(workload, 1)?;
    }
    for round in 0..plan.rounds {
        for rounds in &mut all {
            let workload = rounds.workload;
            // A checkpoint that falls into a round would fall on one side only.
            psql(loads.cluster(), "bench", &["-c", "CHECKPOINT"])?;
            let (ours, pgbench) = if round % 2 == 0 {
                let ours = loads.ours(workload, plan.seconds)?;
                (ours, loads.pgbench(workload, plan.seconds)?)
            } else {
                let pgbench = loads.pgbench(workload, plan.seconds)?;
                (loads.ours(workload, plan.seconds)?, pgbench)
            };
            println!(
                "round {} of {}: {}: {:.0} beside {pgbench:.0} a second",
                round + 1,
                plan.rounds,
                workload.name(),
                ours.per_second
            );
            rounds.ours.push(ours);
            rounds.pgbench.push(pgbench);
        }
    }
    Ok(all)
}

fn throughput_line(rounds: &Rounds) -> Line {
    let (bar, goal) = match rounds.workload {
        Workload::Create => (Some(Bar::AtLeast(0.5)), Some(Bar::AtLeast(1.2))),
        Workload::GetOne => (Some(Bar::AtLeast(0.3)), Some(Bar::AtLeast(0.6))),
        Workload::Page => (None, Some(Bar::AtLeast(0.6))),
    };
    let (ours, pgbench) = (rounds.our_median(), rounds.pgbench_median());
    let (p50, p99) = rounds.our_latency();
    Line {
        name: format!(
            "{}, {} connections",
            rounds.workload.name(),
            load::CONNECTIONS
        ),
        ours: format!("{ours:.0}/s (p50 {p50:.1} ms, p99 {p99:.1} ms)"),
        beside: format!("pgbench {pgbench:.0}/s"),
        compared: ours / pgbench,
        is_ratio: true,
        bar,
        goal,
    }
}

/// The page behind [`OBJECTS`] others against the first page, one connection.
fn depth_line(loads: &Loads<'_>, plan: &Plan) -> Result<Line> {
    let first = loads.page_url();
    let deep = deep_page_url(loads)?;
    let (mut first_times, mut deep_times) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds * 2 {
        first_times.push(loads.ask(&first, 1)?.p50);
        deep_times.push(loads.ask(&deep, 1)?.p50);
    }
    let (first, deep) = (load::median(&first_times), load::median(&deep_times));
    Ok(Line {
        name: format!("page of 50 at depth {OBJECTS}, 1 connection"),
        ours: format!("p50 {deep:.2} ms"),
        beside: format!("first page {first:.2} ms"),
        compared: deep / first,
        is_ratio: true,
        bar: Some(Bar::AtMost(1.1)),
        goal: None,
    })
}

/// Walks [`OBJECTS`] objects deep, as a caller would.
fn deep_page_url(loads: &Loads<'_>) -> Result<String> {
    let mut url = loads.page_url();
    let mut seen = 0;
    while seen < OBJECTS as usize {
        let page: Value = loads.get(&url)?;
        seen += page["items"].as_array().map_or(0, Vec::len);
        let cursor = page["next_cursor"]
            .as_str()
            .with_context(|| format!("the pages end after {seen} objects"))?;
        url = format!("{}&cursor={cursor}", loads.page_url());
    }
    Ok(url)
}
