//! The project's own commands: `cargo xtask …`.

mod bench;
mod generate;
mod programs;
mod servers;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands for people who work on this project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check and test everything: what CI runs.
    Test(test::TestArguments),
    /// Measure the server beside pgbench, and write a table and a plot to bench-results/.
    Bench(bench::BenchArguments),
    /// Check the rules of the house that the compiler does not know.
    Tidy,
    /// Make the server's traits, types and routes, and the client, from the OpenAPI document.
    Generate {
        /// Change nothing; fail if a committed file differs from what the document makes.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test(arguments) => test::run(&root(), &arguments),
        Command::Bench(arguments) => bench::run(&root(), &arguments),
        Command::Tidy => tidy::run(&root()),
        Command::Generate { check } => generate::run(&root(), check),
    };
    if let Err(error) = outcome {
        // No backtrace: every error here is a sentence for the reader.
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
