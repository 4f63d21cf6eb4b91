//! The contract of GPT Object Store, and the only code that understands an OpenAPI document.
//!
//! [`load`] reads the hand-written OpenAPI 3.1 document strictly, [`lint`] holds it to the rules
//! of its consumers, [`lower`] turns it into OpenAPI 3.0.3 for the generators, [`client_view`]
//! into what progenitor accepts, and [`normalize`] with [`diff`] compare it with the document
//! that the running service reports.

mod client_view;
mod diff;
mod document;
mod lint;
mod load;
mod lower;
mod normalize;
mod plane;
pub mod pointer;
mod publish;
mod structure;

use std::fmt;

pub use client_view::client_view;
pub use diff::{Difference, diff};
pub use document::{Document, Location, Operation, Parameter, operations};
pub use lint::lint;
pub use load::{LoadError, load};
pub use lower::{LowerError, lower};
pub use normalize::normalize;
pub use plane::Plane;
pub use publish::{json_for, yaml_for};
pub use structure::{Kind, METHODS, Node, walk};

/// The data plane's contract, as it is written by hand.
pub const GPT_OBJECT_STORE_YAML: &str = include_str!("../gpt-object-store.yaml");

/// The operator's contract, as it is written by hand.
pub const GPT_OBJECT_STORE_ADMIN_YAML: &str = include_str!("../gpt-object-store-admin.yaml");

/// One fault of a document, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// JSON pointer (RFC 6901) to the place.
    pub pointer: String,
    /// A sentence that says what to change there.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(pointer: &str, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}
