//! The program `gpt-object-store`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gpt_object_store::commands::run()
}
