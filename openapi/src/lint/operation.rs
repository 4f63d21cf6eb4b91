//! Rules of operations: names, texts, and what GPT Actions and authorisation need.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Linter, elements, text};
use crate::{Document, Operation, Plane, pointer};

/// The importer's limit for an operation's summary and for its description, in characters.
const MAX_TEXT: usize = 300;

impl Linter<'_> {
    pub(super) fn operations(&mut self, document: &Document) {
        let mut ids = BTreeSet::new();
        for operation in document.operations() {
            let at = location(&operation);
            self.operation_id(&operation, &at, &mut ids);
            self.texts(&operation, &at);
            self.operation_tags(&operation, &at);
            self.authorisation(&operation, &at);
            let Some(value) = self.root.pointer(&at) else {
                continue;
            };
            self.consequence(&operation, value, &at);
            self.expect(
                value.get("servers").is_none(),
                &pointer::child(&at, "servers"),
                "one server serves all: remove these, which the importer of GPT Actions drops",
            );
            self.parameters(&operation, value, &at);
            self.callers(value, &at);
            self.request_body(&operation, value, &at);
            self.responses(value, &at);
        }
    }

    fn operation_id(&mut self, operation: &Operation, at: &str, ids: &mut BTreeSet<String>) {
        let id = &operation.operation_id;
        let at = pointer::child(at, "operationId");
        let is_snake = id.starts_with(|first: char| first.is_ascii_lowercase())
            && id.len() <= 64
            && id
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        self.expect(
            is_snake,
            &at,
            "must be 1 to 64 lower-case letters, digits and underscores, a letter first: it names \
             the handler, the client's method and the function that a GPT calls",
        );
        self.expect(
            ids.insert(id.clone()),
            &at,
            format!("`{id}` names two operations: rename one"),
        );
    }

    fn texts(&mut self, operation: &Operation, at: &str) {
        for (key, value) in [
            ("summary", &operation.summary),
            ("description", &operation.description),
        ] {
            let at = pointer::child(at, key);
            let length = value.as_deref().unwrap_or_default().trim().chars().count();
            self.expect(
                length > 0,
                &at,
                format!("write a {key}: a GPT chooses operations by it"),
            );
            self.expect(
                length <= MAX_TEXT,
                &at,
                format!(
                    "has {length} characters, and the importer of GPT Actions takes at most \
                     {MAX_TEXT}: shorten it"
                ),
            );
        }
    }

    fn operation_tags(&mut self, operation: &Operation, at: &str) {
        let at = pointer::child(at, "tags");
        let declared: Vec<_> = elements(self.root, "tags")
            .map(|tag| text(tag, "name"))
            .collect();
        self.expect(
            operation.tags.len() == 1,
            &at,
            "give the operation exactly one tag: it names the handler trait",
        );
        for tag in &operation.tags {
            self.expect(
                declared.contains(&tag.as_str()),
                &at,
                format!("declare the tag `{tag}` in /tags with a description"),
            );
        }
    }

    fn authorisation(&mut self, operation: &Operation, at: &str) {
        let at = pointer::child(at, "x-required-scope");
        let scope = operation.required_scope.as_deref();
        if !operation.is_secured() && self.plane == Plane::Data {
            self.expect(
                scope.is_none(),
                &at,
                "nobody is asked who they are here (`security: []`): remove the scope",
            );
            return;
        }
        match self.plane {
            Plane::Data => self.expect(
                scope.is_some_and(is_scope),
                &at,
                "state the scope that a caller needs, as `noun:read`, `noun:write` or `any`",
            ),
            Plane::Operator => self.expect(
                operation.is_secured() && !operation.allows_anonymous && scope == Some("admin"),
                &at,
                "must be `admin`: nobody but operators may call an operation of this document",
            ),
        }
    }

    fn consequence(&mut self, operation: &Operation, value: &Value, at: &str) {
        let key = "x-openai-isConsequential";
        let stated = value.get(key);
        let at = pointer::child(at, key);
        if self.plane == Plane::Operator {
            let message = "remove it: no GPT calls an operation of this document";
            self.expect(stated.is_none(), &at, message);
            return;
        }
        self.expect(
            operation.method == "get" || stated.is_some(),
            &at,
            "say whether a GPT must ask its user each time (true) or may be allowed always (false)",
        );
        self.expect(
            stated.is_none_or(Value::is_boolean),
            &at,
            "must be true or false, without quotes",
        );
    }
}

/// The pointer to an operation.
fn location(operation: &Operation) -> String {
    pointer::child(&pointer::child("/paths", &operation.path), operation.method)
}

fn is_scope(scope: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
    match scope.split_once(':') {
        Some((noun, verb)) => is_word(noun) && ["read", "write"].contains(&verb),
        None => scope == "any",
    }
}
