//! Everything that is wrong with a request, collected before it is refused.

use super::Rejection;
use crate::api::problem::Problem;
use crate::error::Violation;

/// The violations found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<Violation>);

impl Faults {
    /// Adds what is wrong in one place.
    pub fn push(&mut self, violation: Violation) {
        self.0.push(violation);
    }

    /// The list to add to.
    pub(super) fn list(&mut self) -> &mut Vec<Violation> {
        &mut self.0
    }

    /// Goes on only if nothing was wrong.
    ///
    /// # Errors
    /// One 400 that names every place.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.reject())
        }
    }

    /// The answer to a request with these faults.
    #[must_use]
    pub fn reject(self) -> Problem {
        Rejection::InvalidRequest { violations: self.0 }.into_problem()
    }
}
