//! The operator's API. One file for each operation, under its name in the contract, and one for each
//! matter that concerns several.

mod create_application;
mod create_gpt;
mod create_key;
mod delete_gpt;
mod delete_webhook;
mod end_session;
mod get_application;
mod get_gpt;
mod get_gpt_usage;
mod get_key;
mod get_webhook;
mod list_applications;
mod list_audit_entries;
mod list_gpts;
mod list_jobs;
mod list_keys;
mod list_sessions;
mod list_signing_keys;
mod list_webhook_events;
mod put_webhook;
mod retry_job;
mod retry_webhook_events;
mod revoke_application;
mod revoke_key;
mod rotate_application_secret;
mod rotate_signing_key;
mod rotate_webhook_secret;
mod update_application;
mod update_gpt;
mod update_key;

mod client;
mod pages;
