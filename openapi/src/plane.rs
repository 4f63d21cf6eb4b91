//! The two documents: what callers of GPTs use, and what operators use.

use crate::{GPT_OBJECT_STORE_ADMIN_YAML, GPT_OBJECT_STORE_YAML};

/// One of the two documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// For callers of GPTs; GPT Actions import it as it is.
    Data,
    /// For operators.
    Operator,
}

impl Plane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Data, Self::Operator];

    /// The name of the document's file, without its ending.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "gpt-object-store",
            Self::Operator => "gpt-object-store-admin",
        }
    }

    /// The document, as it is written by hand.
    #[must_use]
    pub fn yaml(self) -> &'static str {
        match self {
            Self::Data => GPT_OBJECT_STORE_YAML,
            Self::Operator => GPT_OBJECT_STORE_ADMIN_YAML,
        }
    }

    /// What the paths of an operator's operations begin with.
    pub const OPERATOR_PATHS: &'static str = "/admin/";
}
