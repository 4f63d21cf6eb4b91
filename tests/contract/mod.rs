//! The behaviour of the service. One file for each operation, under its name in the contract, and
//! one for each matter that concerns several.

mod admin;

mod add_upload_part;
mod batch_objects;
mod cancel_upload;
mod complete_upload;
mod create_export;
mod create_file;
mod create_import;
mod create_object;
mod create_upload;
mod delete_collection;
mod delete_file;
mod delete_object;
mod get_collection;
mod get_file;
mod get_file_content;
mod get_health;
mod get_job;
mod get_limits;
mod get_object;
mod get_readiness;
mod get_storage;
mod list_collections;
mod list_files;
mod list_objects;
mod patch_object;
mod patch_storage;
mod put_upload_part;
mod replace_object;
mod upsert_collection;

mod browsers;
mod client;
mod concurrency;
mod containment;
mod cursors;
mod fidelity;
mod forms;
mod idempotency;
mod narrowed_applications;
mod oauth;
mod preconditions;
mod schemas;
mod storage_contention;
mod transport;
mod walks;
