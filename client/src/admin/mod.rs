//! The client of the operator's API, for programs that make GPTs and keys.
//!
//! [`Client`] has a method for every operation of the operator's document, named by its
//! `operationId`; they are generated. Its key is an operator's.

#[rustfmt::skip]
mod generated;

pub use generated::*;

use crate::connect::{ConnectError, authorized};

impl Client {
    /// A client of the operator's API at `url` (such as `http://localhost:8001`) that sends `key`.
    ///
    /// # Errors
    /// As [`crate::Client::connect`].
    pub fn connect(url: &str, key: &str) -> Result<Self, ConnectError> {
        Ok(Self::new_with_client(
            url.trim_end_matches('/'),
            authorized(key)?,
        ))
    }
}
