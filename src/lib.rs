//! GPT Object Store: durable memory for Custom GPTs and other programs, over HTTPS.
//!
//! `ARCHITECTURE.md` draws the layers: `commands -> server -> api -> service -> {store, blob, jobs}`;
//! `clock`, `document`, `ids` and others are leaves that serve all of them.

pub mod api;
pub mod auth;
pub mod blob;
pub mod clock;
pub mod commands;
pub mod config;
pub mod document;
pub mod error;
pub mod ids;
pub mod jobs;
pub mod limits;
pub mod lookups;
pub mod probe;
pub mod receivers;
pub mod redis_link;
pub mod seal;
pub mod server;
pub mod service;
pub mod stopping;
pub mod store;
