//! The figures as a table, as JSON and as a plot.

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::load::Rounds;
use super::{Plan, SETTINGS, plot};

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

impl Bar {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Line {
    pub name: String,
    pub ours: String,
    /// What ran beside it; empty when nothing did.
    pub beside: String,
    /// What the bars are about.
    pub compared: f64,
    /// Whether `compared` is ours divided by what ran beside it.
    pub is_ratio: bool,
    /// What has to be met.
    pub bar: Option<Bar>,
    /// Where it is to get to.
    pub goal: Option<Bar>,
}

impl Line {
    fn misses_bar(&self) -> bool {
        self.bar.is_some_and(|bar| !bar.is_met_by(self.compared))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = if self.is_ratio {
            format!("{:.2}", self.compared)
        } else {
            String::new()
        };
        let judge = |bar: Option<Bar>| {
            bar.map_or(String::new(), |bar| {
                let verdict = if bar.is_met_by(self.compared) {
                    "met"
                } else {
                    "**missed**"
                };
                format!("{bar} {verdict}")
            })
        };
        let (bar, goal) = (judge(self.bar), judge(self.goal));
        write!(
            f,
            "| {} | {} | {} | {ratio} | {bar} | {goal} |",
            self.name, self.ours, self.beside
        )
    }
}

/// Everything that a run measured.
pub struct Report {
    pub lines: Vec<Line>,
    pub rounds: Vec<Rounds>,
    setting: String,
}

impl Report {
    /// An empty report, headed by what the machine is and does beside.
    pub fn new(plan: &Plan) -> Self {
        let cores = available_parallelism().map_or(0, usize::from);
        let settings: Vec<_> = SETTINGS
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let setting = format!(
            "{cores} cores shared by wrk or pgbench, the server and PostgreSQL ({}; the rest at its defaults); medians of {} rounds of {} s each side; load average before: {}",
            settings.join(", "),
            plan.rounds,
            plan.seconds,
            load_average()
        );
        Self {
            lines: Vec::new(),
            rounds: Vec::new(),
            setting,
        }
    }

    /// The names of the lines whose bar is missed.
    pub fn missed(&self) -> Vec<&str> {
        let missed = self.lines.iter().filter(|line| line.misses_bar());
        missed.map(|line| line.name.as_str()).collect()
    }

    /// Writes `results.md`, `results.json` and `throughput.svg` to `folder`, and prints the table.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn publish(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(folder.join("results.md"), self.to_string())?;
        fs::write(folder.join("results.json"), format!("{:#}\n", self.json()))?;
        plot::draw(&folder.join("throughput.svg"), &self.rounds)?;
        println!("\n{self}\nThe figures and a plot lie in bench-results/.");
        Ok(())
    }

    fn json(&self) -> Value {
        let lines = self.lines.iter().map(|line| {
            json!({
                "name": line.name, "ours": line.ours, "beside": line.beside, "compared": line.compared,
                "bar": line.bar.map(|bar| bar.to_string()), "goal": line.goal.map(|goal| goal.to_string()),
                "missed": line.misses_bar(),
            })
        });
        let rounds = self.rounds.iter().map(|rounds| {
            json!({ "workload": rounds.workload.name(), "ours": rounds.our_rates(), "pgbench": rounds.pgbench })
        });
        json!({ "setting": self.setting, "lines": lines.collect::<Vec<_>>(), "rounds": rounds.collect::<Vec<_>>() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.setting)?;
        writeln!(
            f,
            "| what | ours | beside it | ratio | bar | goal |\n| --- | --- | --- | --- | --- | --- |"
        )?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The load of the last minute, which says how far to trust the figures.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_whether_its_bars_are_met() {
        let mut line = Line {
            name: "create".to_owned(),
            ours: "500/s".to_owned(),
            beside: "pgbench 1000/s".to_owned(),
            compared: 0.5,
            is_ratio: true,
            bar: Some(Bar::AtLeast(0.5)),
            goal: Some(Bar::AtLeast(1.2)),
        };
        assert_eq!(
            line.to_string(),
            "| create | 500/s | pgbench 1000/s | 0.50 | ≥ 0.5 met | ≥ 1.2 **missed** |"
        );
        assert!(!line.misses_bar());
        line.bar = Some(Bar::AtMost(0.4));
        assert!(line.misses_bar());
    }
}
