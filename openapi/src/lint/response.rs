//! Rules of responses.

use std::collections::BTreeSet;

use serde_json::Value;

use super::streams::ANYTHING;
use super::{Linter, members, text};
use crate::pointer;

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

impl<'a> Linter<'a> {
    pub(super) fn responses(&mut self, operation: &'a Value, at: &str) {
        let at = pointer::child(at, "responses");
        let mut bodies = BTreeSet::new();
        for (status, response) in members(operation, "responses") {
            let at = pointer::child(&at, status);
            self.response(response, &at);
            match status.as_bytes() {
                b"default" | [b'4' | b'5', _, _] => self.failure(response, &at),
                [b'2', ..] => {
                    bodies.insert(self.success(response, &at));
                }
                [b'3', ..] => {}
                _ => self.report(&at, "is no status: use three digits in quotes, or default"),
            }
            self.expect(
                !status.ends_with("XX"),
                &at,
                "name the statuses one by one: `default` covers the rest",
            );
        }
        self.expect(
            operation
                .get("responses")
                .is_some_and(|responses| responses.get("default").is_some()),
            &at,
            "add `default` with the Problem as application/problem+json: anything may fail",
        );
        self.expect(
            bodies.len() == 1,
            &at,
            "all 2xx answers of an operation must have the same body, or none, and there must be \
             one: the client has one type for success",
        );
    }

    fn response(&mut self, response: &'a Value, at: &str) {
        if response.get("$ref").is_some() {
            self.report(
                at,
                "write the response here: the generators make no shared responses",
            );
            return;
        }
        self.expect(
            !text(response, "description").is_empty(),
            &pointer::child(at, "description"),
            "describe the answer",
        );
        for (name, header) in members(response, "headers") {
            let at = pointer::child(&pointer::child(at, "headers"), name);
            let schema = header.get("schema");
            self.expect(
                schema.is_some_and(|schema| ["string", "integer"].contains(&text(schema, "type"))),
                &pointer::child(&at, "schema"),
                "must be a string or an integer, written here: the service loses references in \
                 headers",
            );
            self.expect(
                !text(header, "description").is_empty(),
                &pointer::child(&at, "description"),
                "describe the header",
            );
        }
    }

    fn failure(&mut self, response: &'a Value, at: &str) {
        let mut content = members(response, "content");
        let is_problem = match (content.next(), content.next()) {
            (Some((PROBLEM, media)), None) => media
                .get("schema")
                .and_then(|schema| self.component(schema))
                .is_some_and(|(name, _)| name == "Problem"),
            _ => false,
        };
        self.expect(
            is_problem,
            &pointer::child(at, "content"),
            "a failure must have the component Problem as application/problem+json and nothing else",
        );
    }

    /// The name of the body's component, empty when there is no body.
    fn success(&mut self, response: &'a Value, at: &str) -> &'a str {
        let mut content = members(response, "content");
        let Some((media_type, media)) = content.next() else {
            return "";
        };
        let at = pointer::child(at, "content");
        let is_only = content.next().is_none();
        if media_type == ANYTHING && is_only {
            self.bytes_answered(media, &at);
            return ANYTHING;
        }
        self.expect(
            media_type == JSON && is_only,
            &at,
            "an answer must be application/json and nothing else, or bytes as */*: GPT Actions \
             read text only",
        );
        match media
            .get("schema")
            .and_then(|schema| self.component(schema))
        {
            Some((name, _)) => name,
            None => {
                self.report(&at, "the body must be a `$ref` to a component schema");
                ""
            }
        }
    }
}
