//! What the generated routes say of themselves.

/// An operation of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its operationId.
    pub id: &'static str,
    /// Its method, in capitals.
    pub method: &'static str,
    /// Its path, with the names of parameters in braces.
    pub path: &'static str,
}

impl Operation {
    /// Whether it may change something.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.method != "GET"
    }
}
