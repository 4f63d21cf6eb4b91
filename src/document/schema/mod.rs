//! JSON Schema (draft 2020-12) for collections: compiled once, offline, with bounded work.
//!
//! Neither a schema nor a document can make the server hang, run out of stack or fetch anything:
//! [`graph`] refuses schemas whose work for one value is unbounded, [`meter`] bounds the values
//! looked at, and regular expressions run in linear time with a size limit.

mod graph;
mod instance;
mod meter;
mod reader;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use moka::sync::Cache;
use serde_json::Value;
use uuid::Uuid;

use self::instance::{Instance, Metered, is_trustworthy};
use self::meter::{Deadline, Meter, Tariff};
use super::Document;
use super::tree::Tree;

/// Longest schema, in bytes of canonical text.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// Most arrays and objects inside each other in a schema.
pub const MAX_SCHEMA_DEPTH: usize = 32;
/// Most violations reported of one document.
pub const MAX_VIOLATIONS: usize = 20;
/// Longest detail, in characters.
const MAX_DETAIL: usize = 200;

/// Deeper documents fail; none within [`super::Limits`] is as deep.
const MAX_DOCUMENT_DEPTH: usize = 128;
/// Looks at the document, to tell whether it is valid.
const STEPS_TO_JUDGE: u64 = 16_000_000;
/// Looks at the document, to say all that is wrong with it; each error found costs a hundred.
const STEPS_TO_EXPLAIN: u64 = 4_000_000;
/// Looks at the document, to say what is wrong with it first. What was judged is judged again.
const STEPS_TO_EXPLAIN_ONE: u64 = 4 * STEPS_TO_JUDGE;
/// All the time one document may take, but for the run of a single expression over a single text.
const TIME: Duration = Duration::from_secs(2);
/// What one regular expression may occupy when compiled, in bytes, tried in turn. How large it is
/// decides how slow it can be, so the smallest that does is the schema's tariff.
const PATTERN_SIZES: [usize; 5] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
/// What all regular expressions of a schema may occupy together, in bytes.
const ALL_PATTERNS_SIZE: usize = 4 * 1024 * 1024;
/// Longest text that is looked at as `"format": "regex"`, in bytes; the check grows with the
/// square of the number of named groups.
const MAX_REGEX_TEXT: usize = 4 * 1024;

/// Why a text is no schema for a collection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct SchemaError {
    /// JSON pointer (RFC 6901) into the schema.
    pub pointer: String,
    /// A sentence for the author of the schema.
    pub detail: String,
}

/// One way in which a document breaks its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) into the document.
    pub pointer: String,
    /// A short sentence that never repeats the value.
    pub detail: String,
}

/// A compiled schema; validates from any number of threads.
#[derive(Debug)]
pub struct CollectionSchema {
    validator: Validator<Metered>,
    tariff: Tariff,
    /// Roughly what the compiled form occupies, in bytes.
    size: usize,
}

impl CollectionSchema {
    /// Compiles a schema of draft 2020-12, with formats asserted. Takes milliseconds at worst, so
    /// large schemas belong on a blocking thread.
    ///
    /// # Errors
    ///
    /// When the document is no valid schema, is too large or deep, names another dialect, refers
    /// to anything outside itself, or could ask for unbounded work.
    pub fn compile(schema: &Document) -> Result<Self, SchemaError> {
        let text = schema.as_str();
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(at_root(format!("is larger than {MAX_SCHEMA_BYTES} bytes")));
        }
        let tree = Tree::read(text, MAX_SCHEMA_DEPTH).map_err(|error| SchemaError {
            pointer: error.pointer,
            detail: error.kind.to_string(),
        })?;
        let shape = graph::judge(&tree)?;
        let (validator, pattern_size) = build(text, shape.patterns)?;
        Ok(Self {
            validator,
            tariff: Tariff {
                per_value: 1 + shape.work_per_value / 8,
                // A byte takes at worst 5 ns for each state, and some 50 bytes make a state.
                per_byte: 1 + pattern_size as u64 / 512,
                patterns: shape.patterns as u64,
            },
            size: 4096 + 16 * text.len() + pattern_size * shape.patterns,
        })
    }

    /// Checks a document.
    ///
    /// # Errors
    ///
    /// At most [`MAX_VIOLATIONS`] violations, in the schema's order. A document that takes more
    /// work than any reasonable one is refused with a single violation that says so.
    pub fn validate(&self, document: &Document) -> Result<(), Vec<Violation>> {
        let deadline = Deadline::after(TIME);
        let tree = Tree::read(document.as_str(), MAX_DOCUMENT_DEPTH)
            .map_err(|error| vec![whole(error.kind.to_string())])?;
        let meter = Meter::new(STEPS_TO_JUDGE, self.tariff, deadline);
        let valid = self.validator.is_valid(Instance::new(&tree, &meter));
        match (meter.is_spent(), valid) {
            (true, _) => Err(vec![whole(
                "takes too much work to check against the collection's schema".to_owned(),
            )]),
            (false, true) => Ok(()),
            (false, false) => Err(self.explain(&tree, deadline)),
        }
    }

    fn explain(&self, tree: &Tree<'_>, deadline: Deadline) -> Vec<Violation> {
        if deadline.has_passed() {
            return vec![unexplained()];
        }
        let meter = Meter::new(STEPS_TO_EXPLAIN, self.tariff, deadline);
        let errors = self.validator.iter_errors(Instance::new(tree, &meter));
        let errors = errors.filter(|error| is_trustworthy(error.instance()));
        let violations: Vec<_> = errors
            .take(MAX_VIOLATIONS)
            .map(|error| violation(&error))
            .collect();
        if violations.is_empty() {
            return vec![self.first_violation(tree, deadline)];
        }
        violations
    }

    /// The first violation alone, when the search for all of them took too long.
    fn first_violation(&self, tree: &Tree<'_>, deadline: Deadline) -> Violation {
        if deadline.has_passed() {
            return unexplained();
        }
        let meter = Meter::new(STEPS_TO_EXPLAIN_ONE, self.tariff, deadline);
        match self.validator.validate(Instance::new(tree, &meter)) {
            Err(error) if is_trustworthy(error.instance()) => violation(&error),
            _ => unexplained(),
        }
    }
}

/// Compiles a schema that [`graph`] has judged; also tells the size that sufficed for each of its
/// regular expressions, zero if there are none.
fn build(text: &str, patterns: usize) -> Result<(Validator<Metered>, usize), SchemaError> {
    let mut schema: Value =
        serde_json::from_str(text).map_err(|error| at_root(error.to_string()))?;
    // All references are to places inside; without the name they cannot meet another schema.
    if let Value::Object(members) = &mut schema {
        members.remove("$id");
    }
    if patterns == 0 {
        return build_within(&schema, 0).map(|validator| (validator, 0));
    }
    let mut result = Err(at_root("holds too many patterns".to_owned()));
    for size in PATTERN_SIZES {
        if size * patterns > ALL_PATTERNS_SIZE {
            break;
        }
        result = build_within(&schema, size).map(|validator| (validator, size));
        if result.is_ok() {
            break;
        }
    }
    result
}

fn build_within(schema: &Value, pattern_size: usize) -> Result<Validator<Metered>, SchemaError> {
    let expressions = PatternOptions::regex()
        .size_limit(pattern_size)
        .dfa_size_limit(pattern_size);
    jsonschema::options_for::<Metered>()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(true)
        .with_format("regex", is_regex)
        .with_pattern_options(expressions)
        .build(schema)
        .map_err(|error| SchemaError {
            pointer: error.instance_path().as_str().to_owned(),
            detail: shortened(&error.masked().to_string()),
        })
}

/// `"format": "regex"` for texts of a bounded length, as the validator itself judges it.
fn is_regex(text: &str) -> bool {
    static JUDGE: LazyLock<Option<Validator>> = LazyLock::new(|| {
        let schema = serde_json::json!({"format": "regex"});
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline();
        options.should_validate_formats(true).build(&schema).ok()
    });
    text.len() <= MAX_REGEX_TEXT
        && JUDGE
            .as_ref()
            .is_some_and(|judge| judge.is_valid(&Value::from(text)))
}

fn violation(error: &ValidationError<'_>) -> Violation {
    Violation {
        pointer: error.instance_path().as_str().to_owned(),
        detail: shortened(&error.masked().to_string()),
    }
}

fn whole(detail: String) -> Violation {
    let pointer = String::new();
    Violation { pointer, detail }
}

fn unexplained() -> Violation {
    whole("does not match the collection's schema".to_owned())
}

fn at_root(detail: String) -> SchemaError {
    let pointer = String::new();
    SchemaError { pointer, detail }
}

/// The first [`MAX_DETAIL`] characters.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_DETAIL - 1) {
        Some((end, _)) if end + 1 < text.len() => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

/// Compiled schemas by collection and version of the collection, bounded by what they occupy.
#[derive(Clone, Debug)]
pub struct SchemaCache(Cache<(Uuid, i64), Arc<CollectionSchema>>);

impl SchemaCache {
    /// A cache for schemas that occupy about `max_bytes` in all; a plain one takes some tens of
    /// kilobytes.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let weigh = |_: &(Uuid, i64), schema: &Arc<CollectionSchema>| {
            u32::try_from(schema.size).unwrap_or(u32::MAX)
        };
        Self(
            Cache::builder()
                .weigher(weigh)
                .max_capacity(max_bytes)
                .build(),
        )
    }

    /// The compiled schema of this version of the collection, compiled now if it is not there.
    /// Callers that ask for the same one at once wait for the first.
    ///
    /// # Errors
    ///
    /// As [`CollectionSchema::compile`]; errors are not kept.
    pub fn get_or_compile(
        &self,
        collection: Uuid,
        version: i64,
        schema: &Document,
    ) -> Result<Arc<CollectionSchema>, SchemaError> {
        self.0
            .try_get_with((collection, version), || {
                CollectionSchema::compile(schema).map(Arc::new)
            })
            .map_err(Arc::unwrap_or_clone)
    }

    /// The compiled schema, if it is there.
    #[must_use]
    pub fn get(&self, collection: Uuid, version: i64) -> Option<Arc<CollectionSchema>> {
        self.0.get(&(collection, version))
    }
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
