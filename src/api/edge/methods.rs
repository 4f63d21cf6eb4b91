//! The methods of each path, from the contract: for the `Allow` header of a 405 (RFC 9110, 15.5.6)
//! and for preflights.

use std::sync::LazyLock;

use gpt_object_store_openapi::{Plane, load};

use crate::api::generated::types::ProblemCode;
use crate::api::oauth;
use crate::api::problem::Problem;

/// Method and path template of every operation, for callers and for operators.
static OPERATIONS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let contracts = Plane::ALL.into_iter().flat_map(|plane| load(plane.yaml()));
    let operations = contracts.flat_map(|contract| contract.operations());
    let named = operations.map(|operation| (operation.method.to_uppercase(), operation.path));
    named.collect()
});

/// `problem`, with the methods of `path` if it says that the method is not one of them.
pub(super) fn with_allowed(problem: Problem, path: &str) -> Problem {
    if problem.code() != ProblemCode::MethodNotAllowed {
        return problem;
    }
    problem.allowing(of(path))
}

/// The methods of `path`, separated by commas. What is neither an operation nor of the authorization
/// server is a page.
pub(super) fn of(path: &str) -> String {
    if let Some((_, methods)) = oauth::METHODS.iter().find(|(known, _)| *known == path) {
        return (*methods).to_owned();
    }
    let methods: Vec<_> = OPERATIONS
        .iter()
        .filter(|(_, template)| matches(template, path))
        .map(|(method, _)| method.as_str())
        .collect();
    if methods.is_empty() {
        "GET".to_owned()
    } else {
        methods.join(", ")
    }
}

fn matches(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let all = template.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|given| wanted == given || (wanted.starts_with('{') && !given.is_empty()))
    });
    all && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_segment_by_segment() {
        assert!(matches("/v1/objects/{id}", "/v1/objects/7"));
        assert!(!matches("/v1/objects/{id}", "/v1/objects/"));
        assert!(!matches("/v1/objects/{id}", "/v1/objects/7/x"));
        assert!(!matches("/v1/objects/{id}", "/v1/objects"));
    }
}
