//! Rules of the whole document, its paths and its security.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Linter, elements, members, text};
use crate::structure::{METHODS, walk};
use crate::{Kind, Plane, pointer};

/// The importer refuses 1 MB after pretty-printing; this leaves room for what it adds.
const MAX_BYTES: usize = 800_000;
const MAX_OPERATIONS: usize = 30;
/// The methods that the importer of GPT Actions knows.
const KNOWN_METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

impl Linter<'_> {
    pub(super) fn document(&mut self) {
        self.version_and_info();
        self.servers();
        self.size();
        self.paths();
        self.components();
        self.tags();
        self.security();
    }

    fn version_and_info(&mut self) {
        let root = self.root;
        self.expect(
            text(root, "openapi") == "3.1.0",
            "/openapi",
            "must be 3.1.0 exactly: the importer of GPT Actions takes no other version",
        );
        for key in ["title", "version", "description"] {
            let present = root
                .get("info")
                .is_some_and(|info| !text(info, key).is_empty());
            self.expect(
                present,
                "/info",
                format!("state `{key}`: callers choose by it"),
            );
        }
    }

    fn servers(&mut self) {
        let servers: Vec<_> = elements(self.root, "servers").collect();
        let [server] = servers.as_slice() else {
            self.report(
                "/servers",
                "name exactly one server: the importer of GPT Actions drops all others",
            );
            return;
        };
        let url = text(server, "url");
        let host = url
            .split("://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let is_plain = host.is_some_and(|host| *host == host.to_ascii_lowercase());
        self.expect(
            is_plain && !url.ends_with('/') && !url.contains('{'),
            "/servers/0/url",
            "must be a full URL with a lower-case host, without variables and without a slash at \
             the end",
        );
    }

    fn size(&mut self) {
        let size = serde_json::to_string_pretty(self.root).map_or(usize::MAX, |text| text.len());
        self.expect(
            size <= MAX_BYTES,
            "",
            format!(
                "is {size} bytes as indented JSON, more than {MAX_BYTES}: shorten descriptions or \
                 split the document, since the importer of GPT Actions refuses 1 MB"
            ),
        );
    }

    fn paths(&mut self) {
        let mut operations = 0;
        for (path, item) in members(self.root, "paths") {
            let at = pointer::child("/paths", path);
            self.path_template(path, &at);
            for (key, _) in item.as_object().into_iter().flatten() {
                let at = pointer::child(&at, key);
                if KNOWN_METHODS.contains(&key.as_str()) {
                    operations += 1;
                } else if METHODS.contains(&key.as_str()) {
                    self.report(
                        &at,
                        format!("the importer of GPT Actions skips paths with `{key}`: remove it"),
                    );
                } else {
                    self.report(
                        &at,
                        format!(
                            "the importer of GPT Actions takes `{key}` for a method and skips the \
                             path: move it into each operation"
                        ),
                    );
                }
            }
        }
        self.expect(
            operations <= MAX_OPERATIONS || self.plane == Plane::Operator,
            "/paths",
            format!(
                "has {operations} operations, and the importer of GPT Actions takes at most \
                 {MAX_OPERATIONS}: merge or remove some"
            ),
        );
    }

    fn path_template(&mut self, path: &str, at: &str) {
        let is_whole = |segment: &str| {
            let inner = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            !inner.unwrap_or(segment).contains(['{', '}', ':'])
        };
        let segments_are_whole = path.split('/').all(is_whole);
        self.expect(
            path.starts_with('/') && !path.ends_with('/') && segments_are_whole,
            at,
            "must start with a slash, not end with one, and have parameters as whole segments: \
             the router cannot do `{id}:verb`",
        );
    }

    fn components(&mut self) {
        let root = self.root;
        let Some(components) = root.get("components") else {
            self.report("/components", "define `schemas`: bodies must be components");
            return;
        };
        self.expect(
            components.get("schemas").is_some_and(Value::is_object),
            "/components/schemas",
            "must be an object: the importer of GPT Actions refuses the document without it",
        );
        for (section, _) in components.as_object().into_iter().flatten() {
            self.expect(
                ["schemas", "securitySchemes"].contains(&section.as_str()),
                &pointer::child("/components", section),
                "write these where they are used: the importer of GPT Actions resolves references \
                 to schemas only",
            );
        }
        let mut used = BTreeSet::new();
        walk(root, &mut |node| {
            if node.kind == Kind::Schema
                && let Some((name, _)) = self.component(node.value)
            {
                used.insert(name.to_owned());
            }
        });
        for (name, _) in members(components, "schemas") {
            self.expect(
                used.contains(name),
                &pointer::child("/components/schemas", name),
                "nothing uses this component: remove it",
            );
        }
    }

    fn tags(&mut self) {
        for (index, tag) in elements(self.root, "tags").enumerate() {
            self.expect(
                !text(tag, "name").is_empty() && !text(tag, "description").is_empty(),
                &pointer::element("/tags", index),
                "state name and description of the tag: they head its handler trait",
            );
        }
    }

    /// One scheme in use; placeholders that no operation requires may stand in the components.
    fn security(&mut self) {
        let root = self.root;
        let mut used = BTreeSet::new();
        walk(root, &mut |node| {
            let requirements = elements(node.value, "security").filter_map(Value::as_object);
            used.extend(requirements.flat_map(|requirement| requirement.keys()));
        });
        self.expect(
            used.len() <= 1,
            "/security",
            format!(
                "operations require {} security schemes, and the importer of GPT Actions supports \
                 one: require the same everywhere",
                used.len()
            ),
        );
        for name in used {
            let at = pointer::child("/components/securitySchemes", name);
            self.expect(
                root.pointer(&at).is_some(),
                &at,
                "an operation requires this security scheme: define it",
            );
        }
    }
}
