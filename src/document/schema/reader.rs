//! Reads a schema into the graph that [`super::graph`] judges.
//!
//! References must stay inside the schema and be plain, so that the graph is the whole truth.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::pointer;
use super::super::tree::Tree;
use super::SchemaError;
use super::graph::{Graph, Node};

/// Longest pattern, in bytes: the validator's translation grows with the square of it.
const MAX_PATTERN: usize = 512;
/// Longest sum of all patterns, in bytes.
const MAX_PATTERNS: usize = 8 * 1024;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// How a keyword holds its subschemas.
#[derive(Clone, Copy)]
enum Holds {
    One,
    List,
    Map,
}

/// Keywords with subschemas, and whether these apply to the same value.
///
/// `dependencies` and `additionalItems` are from older drafts, but the validator still knows them.
const APPLICATORS: &[(&str, Holds, bool)] = &[
    ("allOf", Holds::List, true),
    ("anyOf", Holds::List, true),
    ("oneOf", Holds::List, true),
    ("not", Holds::One, true),
    ("if", Holds::One, true),
    ("then", Holds::One, true),
    ("else", Holds::One, true),
    ("dependentSchemas", Holds::Map, true),
    ("dependencies", Holds::Map, true),
    ("properties", Holds::Map, false),
    ("patternProperties", Holds::Map, false),
    ("additionalProperties", Holds::One, false),
    ("propertyNames", Holds::One, false),
    ("unevaluatedProperties", Holds::One, false),
    ("items", Holds::One, false),
    ("prefixItems", Holds::List, false),
    ("additionalItems", Holds::One, false),
    ("contains", Holds::One, false),
    ("unevaluatedItems", Holds::One, false),
    ("contentSchema", Holds::One, false),
    ("$defs", Holds::Map, false),
    ("definitions", Holds::Map, false),
];

/// Keywords that make the meaning of a reference depend on where it is met.
const REFUSED: &[&str] = &[
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "$recursiveAnchor",
    "$vocabulary",
];

/// Collects the graph of `schema`.
pub(super) fn read(schema: &Tree<'_>) -> Result<Graph, SchemaError> {
    let mut builder = Builder {
        root: schema,
        graph: Graph::default(),
        known: HashMap::new(),
        pending: Vec::new(),
        anchors: HashMap::new(),
        named_references: Vec::new(),
        pattern_bytes: 0,
    };
    builder.enter(String::new(), schema);
    while let Some((node, tree)) = builder.pending.pop() {
        builder.read(node, tree)?;
    }
    builder.resolve_names()?;
    Ok(builder.graph)
}

/// Collects the graph. Every schema is entered once, under the pointer it stands at.
struct Builder<'s> {
    root: &'s Tree<'s>,
    graph: Graph,
    known: HashMap<String, usize>,
    pending: Vec<(usize, &'s Tree<'s>)>,
    anchors: HashMap<&'s str, usize>,
    named_references: Vec<(usize, &'s str)>,
    pattern_bytes: usize,
}

impl<'s> Builder<'s> {
    fn enter(&mut self, pointer: String, tree: &'s Tree<'s>) -> usize {
        if let Some(node) = self.known.get(&pointer) {
            return *node;
        }
        let node = self.graph.nodes.len();
        self.graph.nodes.push(Node::default());
        self.graph.pointers.push(pointer.clone());
        self.known.insert(pointer, node);
        self.pending.push((node, tree));
        node
    }

    fn read(&mut self, node: usize, schema: &'s Tree<'s>) -> Result<(), SchemaError> {
        self.refuse_keywords(node, schema)?;
        self.count_patterns(node, schema)?;
        if let Some(Tree::String(anchor)) = schema.get("$anchor")
            && self.anchors.insert(anchor, node).is_some()
        {
            return Err(self.fault(node, "$anchor", "is used twice".to_owned()));
        }
        let unevaluated = ["unevaluatedProperties", "unevaluatedItems"];
        self.graph.nodes[node].unevaluated = unevaluated
            .iter()
            .any(|keyword| schema.get(keyword).is_some());
        for (keyword, holds, in_place) in APPLICATORS {
            if let Some(value) = schema.get(keyword) {
                self.read_keyword(node, keyword, *holds, *in_place, value);
            }
        }
        match schema.get("$ref") {
            Some(Tree::String(reference)) => self.read_reference(node, reference),
            // The meta-schema will find fault with anything else.
            _ => Ok(()),
        }
    }

    fn read_keyword(
        &mut self,
        node: usize,
        keyword: &str,
        holds: Holds,
        in_place: bool,
        value: &'s Tree<'s>,
    ) {
        let base = self.below(node, keyword);
        let parts: Vec<(String, &'s Tree<'s>)> = match (holds, value) {
            (Holds::One, value) => vec![(base, value)],
            (Holds::List, Tree::Array(items)) => {
                let items = items.iter().enumerate();
                items
                    .map(|(index, item)| (joined(&base, index), item))
                    .collect()
            }
            (Holds::Map, Tree::Object(members)) => {
                let members = members.iter();
                members
                    .map(|member| (joined(&base, &member.key), &member.value))
                    .collect()
            }
            // The meta-schema will find fault with the shape.
            _ => Vec::new(),
        };
        for (pointer, tree) in parts {
            let target = self.enter(pointer, tree);
            if in_place {
                self.graph.nodes[node].in_place.push(target);
            }
        }
    }

    fn read_reference(&mut self, node: usize, reference: &'s str) -> Result<(), SchemaError> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(self.fault(node, "$ref", format!(
                "{} lies outside this schema; only references such as #/$defs/name are followed",
                super::shortened(&format!("{reference:?}"))
            )));
        };
        if !fragment.is_empty() && !fragment.starts_with('/') {
            self.named_references.push((node, fragment));
            return Ok(());
        }
        let Some((pointer, target)) = self.resolve(fragment) else {
            return Err(self.fault(node, "$ref", "points to nothing in this schema".to_owned()));
        };
        let target = self.enter(pointer, target);
        self.graph.nodes[node].in_place.push(target);
        Ok(())
    }

    /// Follows a JSON pointer in a URI fragment (RFC 6901, section 6).
    fn resolve(&self, fragment: &str) -> Option<(String, &'s Tree<'s>)> {
        let decoded = percent_decoded(fragment)?;
        let mut canonical = String::new();
        let mut place = self.root;
        for segment in pointer::segments(&decoded) {
            place = match place {
                Tree::Object(_) => place.get(&segment)?,
                Tree::Array(items) => items.get(segment.parse::<usize>().ok()?)?,
                _ => return None,
            };
            pointer::push(&mut canonical, segment);
        }
        Some((canonical, place))
    }

    fn resolve_names(&mut self) -> Result<(), SchemaError> {
        for (node, name) in std::mem::take(&mut self.named_references) {
            let name_of_anchor = percent_decoded(name);
            let target = name_of_anchor.and_then(|name| self.anchors.get(name.as_ref()).copied());
            let Some(target) = target else {
                return Err(self.fault(node, "$ref", "names no $anchor of this schema".to_owned()));
            };
            self.graph.nodes[node].in_place.push(target);
        }
        Ok(())
    }

    fn refuse_keywords(&self, node: usize, schema: &Tree<'_>) -> Result<(), SchemaError> {
        if let Some(keyword) = REFUSED.iter().find(|keyword| schema.get(keyword).is_some()) {
            return Err(self.fault(node, keyword, "is not supported; use $ref".to_owned()));
        }
        let root = node == 0;
        if !root && schema.get("$id").is_some() {
            return Err(self.fault(
                node,
                "$id",
                "may only stand at the top of the schema".to_owned(),
            ));
        }
        match schema.get("$schema") {
            None => Ok(()),
            Some(Tree::String(dialect)) if root && dialect.trim_end_matches('#') == DIALECT => {
                Ok(())
            }
            Some(_) => Err(self.fault(
                node,
                "$schema",
                format!("must be {DIALECT}, and at the top only"),
            )),
        }
    }

    fn count_patterns(&mut self, node: usize, schema: &Tree<'_>) -> Result<(), SchemaError> {
        if let Some(Tree::String(pattern)) = schema.get("pattern") {
            self.count_pattern(node, "pattern", pattern)?;
        }
        if let Some(Tree::Object(members)) = schema.get("patternProperties") {
            for member in members {
                self.count_pattern(node, "patternProperties", &member.key)?;
            }
        }
        Ok(())
    }

    fn count_pattern(
        &mut self,
        node: usize,
        keyword: &str,
        pattern: &str,
    ) -> Result<(), SchemaError> {
        self.graph.patterns += 1;
        self.pattern_bytes += pattern.len();
        if pattern.len() > MAX_PATTERN || self.pattern_bytes > MAX_PATTERNS {
            return Err(self.fault(node, keyword, format!(
                "holds a pattern over {MAX_PATTERN} bytes, or all patterns come to over {MAX_PATTERNS}"
            )));
        }
        Ok(())
    }

    fn below(&self, node: usize, keyword: &str) -> String {
        joined(&self.graph.pointers[node], keyword)
    }

    fn fault(&self, node: usize, keyword: &str, detail: String) -> SchemaError {
        SchemaError {
            pointer: self.below(node, keyword),
            detail,
        }
    }
}

fn joined(base: &str, segment: impl std::fmt::Display) -> String {
    let mut pointer = base.to_owned();
    pointer::push(&mut pointer, segment);
    pointer
}

/// Undoes percent-encoding; `None` when the bytes are not UTF-8 or an escape is broken.
fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
