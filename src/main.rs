//! The program `gpt-object-store`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A page of objects is a thousand small pieces, for which the C library's allocator costs a sixth of
/// the throughput. Without huge pages, so that an idle process stays small.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    gpt_object_store::commands::run()
}
