//! Events: changes of objects that are to be forwarded, and where to.
//!
//! An event is written in the transaction of its change, so that there is one exactly when the change
//! was made. A GPT has at most one webhook; while it has one, its collections say so
//! (`is_forwarded`), and whoever writes an object looks there under the lock that it takes anyway.

mod backlog;
mod batch;
mod claim;
mod list;
mod note;
mod rows;
mod settle;
mod webhooks;

pub use backlog::EventBacklog;
pub use claim::ClaimedWebhook;
pub use list::EventQuery;
pub(in crate::store) use note::{NotedChange, note_on_postgres, note_on_sqlite};
pub use rows::{DueEvent, EventKind, EventRow, EventState};
pub use settle::Attempt;
pub use webhooks::{NewWebhook, WebhookRow, WebhookSecrets};
