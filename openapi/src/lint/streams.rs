//! Rules of what is not JSON: forms and bytes, and who can send and read them.

use serde_json::{Value, json};

use super::{Linter, elements, members, text};
use crate::pointer;

const FORM: &str = "multipart/form-data";
const BYTES: &str = "application/octet-stream";
/// Lines of JSON, which are bytes to whoever does not look into them.
const LINES: &str = "application/x-ndjson";
/// The media type of answers that are whatever was stored.
pub(super) const ANYTHING: &str = "*/*";
/// Says why a GPT cannot call the operation.
const NOT_FOR_GPTS: &str = "x-not-for-gpts";

/// Whether bodies of this media type are read as they arrive.
pub(super) fn is_streamed(media_type: &str) -> bool {
    [FORM, BYTES, LINES].contains(&media_type)
}

/// Whether `schema` is bytes; a description may stand beside.
pub(super) fn is_binary(schema: &Value) -> bool {
    let mut bare = schema.clone();
    if let Value::Object(members) = &mut bare {
        members.shift_remove("description");
    }
    bare == bytes()
}

fn bytes() -> Value {
    json!({"type": "string", "contentMediaType": BYTES})
}

impl<'a> Linter<'a> {
    /// GPT Actions send JSON, so an operation that takes something else alone must own up to it.
    pub(super) fn callers(&mut self, operation: &'a Value, at: &str) {
        let body = operation.get("requestBody").unwrap_or(&Value::Null);
        let mut media_types = members(body, "content").map(|(name, _)| name).peekable();
        let is_callable = media_types.peek().is_none() || !media_types.all(is_streamed);
        let reason = operation.get(NOT_FOR_GPTS);
        let at = pointer::child(at, NOT_FOR_GPTS);
        if is_callable {
            self.expect(
                reason.is_none(),
                &at,
                "remove it: the operation takes JSON, or no body, so GPTs can call it",
            );
        } else {
            self.expect(
                !text(operation, NOT_FOR_GPTS).trim().is_empty(),
                &at,
                "say why GPTs cannot call this, since they send JSON only; or take \
                 application/json too",
            );
        }
    }

    /// A form or bytes in a request; `at` points to its schema.
    pub(super) fn streamed_body(&mut self, media_type: &str, schema: &'a Value, at: &str) {
        if [BYTES, LINES].contains(&media_type) {
            self.expect(
                *schema == bytes(),
                at,
                "must be exactly `type: string` and `contentMediaType: application/octet-stream`",
            );
            return;
        }
        match self.component(schema) {
            None => self.report(at, "must be a `$ref` to a component schema"),
            Some((name, form)) => {
                self.form(form, &pointer::child("/components/schemas", name));
            }
        }
    }

    fn form(&mut self, form: &'a Value, at: &str) {
        let files: Vec<_> = members(form, "properties")
            .filter(|(_, property)| is_binary(property))
            .map(|(name, _)| name)
            .collect();
        let is_required = |file: &str| elements(form, "required").any(|name| name == file);
        self.expect(
            matches!(files.as_slice(), [file] if is_required(file)),
            at,
            "a form must have exactly one binary property, and it must be required: it is read \
             as it arrives, and other fields are kept in memory",
        );
        let fields = members(form, "properties").filter(|(_, property)| !is_binary(property));
        for (name, property) in fields {
            let property = self
                .component(property)
                .map_or(property, |(_, whole)| whole);
            self.expect(
                ["string", "integer", "number", "boolean"].contains(&text(property, "type")),
                &pointer::child(&pointer::child(at, "properties"), name),
                "a field of a form is text: make it a string, a number or a boolean",
            );
        }
    }

    /// An answer of any media type; `at` points to its content.
    pub(super) fn bytes_answered(&mut self, media: &'a Value, at: &str) {
        self.expect(
            media.get("schema") == Some(&bytes()),
            &pointer::child(&pointer::child(at, ANYTHING), "schema"),
            "an answer of any media type is bytes: exactly `type: string` and \
             `contentMediaType: application/octet-stream`",
        );
    }
}
