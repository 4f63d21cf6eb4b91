//! The tables, as SeaORM sees them. Migrations make them; `tests::schema` compares the two.

pub(super) mod api_keys;
pub(super) mod applications;
pub(super) mod audit_log;
pub(super) mod authorization_codes;
pub(super) mod blobs;
pub(super) mod collections;
pub(super) mod events;
pub(super) mod file_usage;
pub(super) mod files;
pub(super) mod gpts;
pub(super) mod idempotency_keys;
pub(super) mod jobs;
pub(super) mod kv_namespaces;
pub(super) mod objects;
pub(super) mod refresh_tokens;
pub(super) mod sessions;
pub(super) mod settings;
pub(super) mod signing_keys;
pub(super) mod upload_parts;
pub(super) mod uploads;
pub(super) mod webhooks;
