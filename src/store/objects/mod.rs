//! Objects: JSON documents in a collection.

pub(super) mod batch;
pub(super) mod create;
pub(super) mod create_once;
pub(super) mod get;
pub(super) mod import;
pub(super) mod list;
pub(super) mod update;
