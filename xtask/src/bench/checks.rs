//! What it costs to know who calls: key, scope, rate limits and the record of calls, beside the same
//! build where everybody is let in.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::load::{Loads, Workload, median};
use super::report::{Bar, Line};
use super::{Plan, cargo_command, run_command};
use crate::servers::{Cluster, ObjectStore};

/// So high that nobody is refused, and every limit is asked.
const GENEROUS: &str = "key:1000000/s,write:1000000/s,ip:1000000/s";
/// The share of the throughput that must be left.
const LEFT: f64 = 0.85;

/// Builds the program with the feature that can let everybody in, and keeps it in `folder`.
///
/// # Errors
/// When it does not build.
pub fn build(root: &Path, folder: &Path) -> Result<std::path::PathBuf> {
    let arguments = [
        "build",
        "--release",
        "--package",
        "gpt-object-store",
        "--features",
        "unguarded",
    ];
    let mut cargo = cargo_command(root, &arguments);
    ensure!(
        run_command(&mut cargo)?.success(),
        "the build with the feature `unguarded` failed"
    );
    let program = folder.join("unguarded");
    fs::copy(ObjectStore::program(root, "release"), &program).context("cannot keep the program")?;
    Ok(program)
}

/// One line: get one with all checks beside none, on the database that `loads` has filled.
///
/// # Errors
/// When a server does not start, or a request fails.
pub fn line(
    loads: &Loads<'_>,
    cluster: &Cluster,
    program: &Path,
    folder: &Path,
    plan: &Plan,
) -> Result<Line> {
    let start = |name: &str, settings: Vec<(&'static str, String)>| {
        let own = folder.join(name);
        fs::create_dir_all(&own)?;
        let server = ObjectStore::start_with(program, &cluster.url("bench"), &own, settings)?;
        Ok::<_, anyhow::Error>(loads.on(server))
    };
    let guarded = start("guarded", vec![("RATE_LIMITS", GENEROUS.to_owned())])?;
    let open = start("open", vec![("BENCH_UNGUARDED", "bench".to_owned())])?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for side in [&guarded, &open] {
        side.ours(Workload::GetOne, 1)?;
    }
    for round in 0..plan.rounds {
        let ask = |side: &Loads<'_>| side.ours(Workload::GetOne, plan.seconds);
        if round % 2 == 0 {
            with.push(ask(&guarded)?.per_second);
            without.push(ask(&open)?.per_second);
        } else {
            without.push(ask(&open)?.per_second);
            with.push(ask(&guarded)?.per_second);
        }
    }
    let (with, without) = (median(&with), median(&without));
    Ok(Line {
        name: "get one with key, scope, limits and record".to_owned(),
        ours: format!("{with:.0}/s"),
        beside: format!("without them {without:.0}/s"),
        compared: with / without,
        is_ratio: true,
        bar: Some(Bar::AtLeast(LEFT)),
        goal: None,
    })
}
