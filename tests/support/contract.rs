//! The documents, ready for answers to be held against them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use gpt_object_store_openapi::{Operation, Plane, operations as operations_of};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::answer::Answer;

/// The callers' document and the operator's.
pub static BOTH: LazyLock<[Contract; 2]> = LazyLock::new(load);

/// A document, ready for answers to be held against it.
pub struct Contract {
    /// Its operations.
    pub operations: Vec<Operation>,
    components: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// The document that an answer at `path` has to keep to.
pub fn of(path: &str) -> &'static Contract {
    let [callers, operators] = &*BOTH;
    match path.starts_with(Plane::OPERATOR_PATHS) {
        true => operators,
        false => callers,
    }
}

/// The documents as JSON, which `cargo xtask test` made of them: every test reads them, and YAML
/// takes ten times as long.
fn load() -> [Contract; 2] {
    let path = std::env::var("TEST_CONTRACT").expect("run the tests with `cargo xtask test`");
    let documents: [Value; 2] = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    documents.map(Contract::new)
}

impl Contract {
    fn new(document: Value) -> Self {
        let mut components = document["components"].clone();
        let schemas = components["schemas"].as_object_mut().unwrap();
        schemas.values_mut().for_each(close);
        Self {
            operations: operations_of(&document),
            components,
            validators: Mutex::default(),
        }
    }

    /// A named schema.
    pub fn schema(&self, name: &str) -> &Value {
        &self.components["schemas"][name]
    }

    /// What of the body of `answer` is not as `schema` says, a sentence each.
    pub fn schema_faults(&self, schema: &Value, answer: &Answer) -> Vec<String> {
        let validator = self.validator(schema);
        let errors = validator.iter_errors(answer.json());
        errors
            .map(|error| format!("the body's {:?}: {error}", error.instance_path().as_str()))
            .collect()
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let validator = validators.entry(schema.to_string()).or_insert_with(|| {
            let mut whole = schema.clone();
            whole["components"] = json!({ "schemas": self.reachable(schema) });
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&whole).unwrap())
        });
        validator.clone()
    }

    /// The named schemas that `schema` refers to, and those that they refer to: to compile more of
    /// the document would take longer than most tests.
    fn reachable(&self, schema: &Value) -> Map<String, Value> {
        let mut reached = Map::new();
        let mut open = references(schema);
        while let Some(name) = open.pop() {
            let schema = &self.components["schemas"][&name];
            if reached.insert(name, schema.clone()).is_none() {
                open.extend(references(schema));
            }
        }
        reached
    }
}

/// The names of the components that `value` refers to.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            let name = target.and_then(|target| target.strip_prefix("#/components/schemas/"));
            name.map(str::to_owned)
                .into_iter()
                .chain(members.values().flat_map(references))
                .collect()
        }
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Refuses members that the schema does not have: an answer must not say more than the contract.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let has_members = members
                .get("properties")
                .and_then(Value::as_object)
                .is_some_and(|all| !all.is_empty());
            if has_members {
                members
                    .entry("additionalProperties")
                    .or_insert(json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}
