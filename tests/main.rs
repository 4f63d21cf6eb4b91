//! The integration tests, as one program.
//!
//! `contract` holds the behaviour of every operation, on both databases; `spec` holds what the
//! document says of itself and of the service; `process` holds the program: its commands, signals
//! and failures. `cargo xtask test` starts the servers that they share.

#[macro_use]
mod support;

mod contract;
mod process;
mod spec;
