//! The steps of a run: what each took, and which were not reached.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Steps planned and done; displays as a table.
#[derive(Debug, Default)]
pub struct Steps {
    planned: Vec<&'static str>,
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    succeeded: bool,
}

impl Steps {
    /// Names the steps that a whole run has, so that those not reached can be named too.
    pub fn plan(&mut self, names: &[&'static str]) {
        self.planned.extend(names);
    }

    /// Does one step, prints its name before and its failure after.
    ///
    /// # Errors
    /// What `work` fails with.
    pub fn run<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("── {name}");
        let start = Instant::now();
        let outcome = work();
        self.done.push(Step {
            name,
            took: start.elapsed(),
            succeeded: outcome.is_ok(),
        });
        outcome
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<12}{:>9}", "step", "seconds")?;
        for step in &self.done {
            let outcome = if step.succeeded { "" } else { "  FAILED" };
            writeln!(
                f,
                "{:<12}{:>9.1}{outcome}",
                step.name,
                step.took.as_secs_f64()
            )?;
        }
        let reached = |name: &str| self.done.iter().any(|step| step.name == name);
        for name in self.planned.iter().filter(|name| !reached(name)) {
            writeln!(f, "{name:<12}{:>9}  not reached", "-")?;
        }
        let total: Duration = self.done.iter().map(|step| step.took).sum();
        writeln!(f, "{:<12}{:>9.1}", "all", total.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_step() {
        let mut steps = Steps::default();
        steps.plan(&["one", "two", "three"]);
        steps.run("one", || Ok(())).unwrap();
        steps
            .run("two", || anyhow::bail!("no") as Result<()>)
            .unwrap_err();
        let table = steps.to_string();
        let lines: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(lines[0], "one               0.0");
        assert_eq!(lines[1], "two               0.0  FAILED");
        assert_eq!(lines[2], "three               -  not reached");
        assert_eq!(lines[3], "all               0.0");
    }
}
