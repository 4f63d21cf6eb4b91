//! What the process itself costs on the embedded default: its start and its idle memory.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use super::Plan;
use super::load::median;
use super::report::{Bar, Line};
use crate::servers::ObjectStore;

/// How long a server is left alone before its memory counts as idle.
const IDLE: Duration = Duration::from_secs(5);

/// Start on a new and on an existing SQLite file, and memory when idle.
///
/// # Errors
/// When the server does not start.
pub fn lines(program: &Path, plan: &Plan) -> Result<Vec<Line>> {
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..plan.starts {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}/bench.db", folder.path().display());
        for times in [&mut first, &mut again] {
            let server = ObjectStore::start(program, &url, folder.path())?;
            times.push(server.start_time().as_secs_f64() * 1e3);
        }
    }
    let start = |name: &str, times: &[f64]| measured(name, median(times), "ms", 200.0);
    Ok(vec![
        start("start on a new SQLite file to the first 200", &first),
        start("start on an existing SQLite file", &again),
        measured(
            "idle memory on SQLite",
            idle_megabytes(program)?,
            "MB",
            40.0,
        ),
    ])
}

fn idle_megabytes(program: &Path) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/bench.db", folder.path().display());
    let server = ObjectStore::start(program, &url, folder.path())?;
    sleep(IDLE);
    Ok(server.resident_memory()? as f64 / 1e6)
}

fn measured(name: &str, value: f64, unit: &str, limit: f64) -> Line {
    Line {
        name: name.to_owned(),
        ours: format!("{value:.1} {unit}"),
        beside: String::new(),
        compared: value,
        is_ratio: false,
        bar: Some(Bar::AtMost(limit)),
        goal: None,
    }
}
