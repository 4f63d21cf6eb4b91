//! The Rust client of GPT Object Store.
//!
//! [`Client`] has a method for every operation of the OpenAPI document, named by its `operationId`;
//! they are generated. [`Client::connect`], the streams over pages and the conditional requests
//! are written by hand.
//!
//! A program that uses all three (`cargo xtask test` runs it against both databases):
//!
//! ```no_run
#![doc = include_str!("../examples/notes.rs")]
//! ```

#[rustfmt::skip]
mod generated;
mod conditional;
mod connect;
mod pages;
mod storage;

pub use conditional::{ConflictExt, Fetched, Outcome};
pub use connect::ConnectError;
pub use generated::*;
pub use pages::Search;
pub use storage::{KeyChange, Snapshot};
