//! What two normalised documents say differently.

use std::fmt;

use serde_json::{Map, Value};

use crate::pointer;

/// One place where the running service and the document disagree.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// JSON pointer into the normalised documents.
    pub pointer: String,
    /// What the document says there.
    pub document: Option<Value>,
    /// What the running service says there.
    pub service: Option<Value>,
}

impl Difference {
    /// A sentence that says what differs and what to do.
    #[must_use]
    pub fn sentence(&self) -> String {
        let subject = subject(&self.pointer);
        let advice = "run `cargo xtask generate`, and build the server again";
        match (&self.document, &self.service) {
            (Some(document), Some(service)) => format!(
                "{subject} is {} in the document but {} in the running service: {advice}",
                short(document),
                short(service)
            ),
            (Some(_), None) => {
                format!("{subject} is in the document but not in the running service: {advice}")
            }
            (None, _) => format!(
                "{subject} is in the running service but not in the document: declare it in \
                 openapi/gpt-object-store.yaml, or {advice}"
            ),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.sentence())
    }
}

/// Names the place in words: the operation first, then the way below it.
fn subject(at: &str) -> String {
    let tokens: Vec<_> = at
        .split('/')
        .skip(1)
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect();
    match tokens.as_slice() {
        [paths, path] if paths == "paths" => format!("the path {path}"),
        [paths, path, method] if paths == "paths" => {
            format!("the operation {} {path}", method.to_uppercase())
        }
        [paths, path, method, below @ ..] if paths == "paths" => {
            format!(
                "`{}` of {} {path}",
                below.join(" › "),
                method.to_uppercase()
            )
        }
        [components, _, name] if components == "components" => format!("the component {name}"),
        [components, _, name, below @ ..] if components == "components" => {
            format!("`{}` of the component {name}", below.join(" › "))
        }
        _ => format!("`{}`", tokens.join(" › ")),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 {
        return text;
    }
    let start: String = text.chars().take(77).collect();
    format!("{start}…")
}

/// Every difference between the lowered document and the running service's, both normalised.
#[must_use]
pub fn diff(document: &Value, service: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare("", document, service, &mut differences);
    differences
}

fn compare(at: &str, document: &Value, service: &Value, differences: &mut Vec<Difference>) {
    match (document, service) {
        (Value::Object(document), Value::Object(service)) => {
            compare_members(at, document, service, differences);
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(&pointer::element(at, index), one, other, differences);
            }
        }
        _ if document == service => {}
        _ => differences.push(Difference {
            pointer: at.to_owned(),
            document: Some(document.clone()),
            service: Some(service.clone()),
        }),
    }
}

fn compare_members(
    at: &str,
    document: &Map<String, Value>,
    service: &Map<String, Value>,
    differences: &mut Vec<Difference>,
) {
    let added = service.keys().filter(|key| !document.contains_key(*key));
    for key in document.keys().chain(added) {
        let at = pointer::child(at, key);
        match (document.get(key), service.get(key)) {
            (Some(document), Some(service)) => compare(&at, document, service, differences),
            (document, service) => differences.push(Difference {
                pointer: at,
                document: document.cloned(),
                service: service.cloned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GPT_OBJECT_STORE_YAML, load, lower, normalize};

    fn lowered() -> Value {
        lower(&load(GPT_OBJECT_STORE_YAML).unwrap()).unwrap()
    }

    const LIST: &str = "/paths/~1v1~1gpts~1{gpt_id}~1collections~1{name}~1objects/get";

    /// What is found when the running service's document is the contract with one `change`.
    fn drift(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let document = lowered();
        let mut service = document.clone();
        change(&mut service);
        let differences = diff(&normalize(&document), &normalize(&service));
        differences.iter().map(Difference::sentence).collect()
    }

    fn at<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Value {
        document.pointer_mut(pointer).unwrap()
    }

    #[test]
    fn no_change_is_no_drift() {
        assert_eq!(drift(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn a_changed_maximum_is_found() {
        let found = drift(|service| {
            *at(service, &format!("{LIST}/parameters/2/schema/maximum")) = 100.into();
        });
        assert_eq!(
            found,
            ["`parameters › query limit › schema › maximum` of GET \
            /v1/gpts/{gpt_id}/collections/{name}/objects is 200 in the document but 100 in the \
            running service: run `cargo xtask generate`, and build the server again"]
        );
    }

    #[test]
    fn a_dropped_parameter_is_found() {
        let found = drift(|service| {
            let parameters = at(service, &format!("{LIST}/parameters"))
                .as_array_mut()
                .unwrap();
            parameters.retain(|parameter| parameter["name"] != "filter");
        });
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("`parameters › query filter` of GET")
                && found[0].contains("is in the document but not in the running service"),
            "{found:?}"
        );
    }

    #[test]
    fn a_changed_status_is_found() {
        let found = drift(|service| {
            let responses = at(service, &format!("{LIST}/responses"))
                .as_object_mut()
                .unwrap();
            let ok = responses.shift_remove("200").unwrap();
            responses.insert("206".into(), ok);
        });
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("`responses › 200`"), "{found:?}");
        assert!(
            found[1].contains("`responses › 206`")
                && found[1].contains("in the running service but not in the document: declare it"),
            "{found:?}"
        );
    }

    #[test]
    fn a_missing_operation_is_found() {
        let found = drift(|service| {
            at(service, "/paths/~1v1~1objects~1{id}")
                .as_object_mut()
                .unwrap()
                .shift_remove("put");
        });
        assert_eq!(
            found.len(),
            2,
            "its body's component is missing too: {found:?}"
        );
        assert!(found[0].starts_with("the operation PUT /v1/objects/{id} is in the document"));
    }

    #[test]
    fn every_other_seeded_drift_is_found() {
        let changes: [(&str, Value); 7] = [
            (
                "/components/schemas/Object/required",
                serde_json::json!(["id"]),
            ),
            (
                "/components/schemas/Object/properties/version/format",
                "int32".into(),
            ),
            ("/components/schemas/Order/enum/0", "up".into()),
            (&format!("{LIST}/security"), serde_json::json!([{}])),
            (&format!("{LIST}/operationId"), "list".into()),
            (&format!("{LIST}/description"), "Something else.".into()),
            (
                &format!("{LIST}/responses/200/headers/Link/required"),
                true.into(),
            ),
        ];
        for (pointer, value) in changes {
            let found = drift(|service| {
                let (parent, key) = pointer.rsplit_once('/').unwrap();
                match at(service, parent) {
                    Value::Array(list) => list[key.parse::<usize>().unwrap()] = value.clone(),
                    other => other[key] = value.clone(),
                }
            });
            assert!(!found.is_empty(), "{pointer}");
        }
    }

    #[test]
    fn what_only_looks_different_is_no_drift() {
        let found = drift(|service| {
            service["openapi"] = "3.0.0".into();
            *at(service, &format!("{LIST}/parameters/2/schema/maximum")) = 200.0.into();
            at(service, &format!("{LIST}/parameters"))
                .as_array_mut()
                .unwrap()
                .reverse();
            at(service, LIST)["deprecated"] = false.into();
            at(service, "/tags").as_array_mut().unwrap().reverse();
            at(service, "/components/securitySchemes")
                .as_object_mut()
                .unwrap()
                .shift_remove("oauth2");
        });
        assert_eq!(found, Vec::<String>::new());
    }
}
