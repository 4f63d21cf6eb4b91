//! Tests of the bytes of files. Every behavior is tested on a folder, on S3 and on Cloud Storage.

mod bucket;
mod conditional;
mod envelope;
mod rotation;
pub(in crate::blob) mod support;
mod tampering;
