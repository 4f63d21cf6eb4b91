//! The Rust client of GPT Object Store.
//!
//! [`Client`] has a method for every operation of the OpenAPI document, named by its `operationId`;
//! they are generated. [`Client::connect`], the streams over pages, the conditional requests, and
//! whatever sends a form or streams bytes are written by hand. [`admin::Client`] is the operator's.
//!
//! A program that uses all three (`cargo xtask test` runs it against both databases):
//!
//! ```no_run
#![doc = include_str!("../examples/notes.rs")]
//! ```

pub mod admin;
#[rustfmt::skip]
mod generated;
mod conditional;
mod connect;
mod files;
mod jobs;
mod pages;
mod storage;
mod uploads;

pub use conditional::{ConflictExt, Fetched, Outcome};
pub use connect::ConnectError;
pub use files::{Download, FileSearch, NewFile};
pub use generated::*;
pub use pages::Search;
pub use storage::{KeyChange, Snapshot};
