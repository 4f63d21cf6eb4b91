//! Holds answers against the contract: what the document does not say fails every test.

mod oauth;
mod problem;

use std::sync::LazyLock;

use gpt_object_store_openapi::{Operation, Plane};
use serde_json::{Value, json};

use super::answer::Answer;
use super::contract;

/// Every operation of the documents.
pub fn operations() -> &'static [Operation] {
    static ALL: LazyLock<Vec<Operation>> = LazyLock::new(|| {
        let all = contract::BOTH.iter().flat_map(|one| &one.operations);
        all.cloned().collect()
    });
    &ALL
}

/// Whether `operation` is for operators.
pub fn is_operators(operation: &Operation) -> bool {
    operation.path.starts_with(Plane::OPERATOR_PATHS)
}

/// A named schema of the callers' document.
pub fn schema(name: &str) -> &'static Value {
    contract::of("/").schema(name)
}

/// The operation that answers `method` at `path`.
pub fn operation(method: &str, path: &str) -> Option<&'static Operation> {
    let wanted = method.to_ascii_lowercase();
    operations()
        .iter()
        .find(|operation| operation.method == wanted && matches(&operation.path, path))
}

/// What of `answer` is not as the contract says, a sentence each.
pub fn faults(answer: &Answer) -> Vec<String> {
    let mut faults = Vec::new();
    if answer.status() >= 500 {
        faults.push("no request may be answered with a failure of the server".to_owned());
    }
    if answer.header("x-request-id").is_none_or(|id| id.is_empty()) {
        faults.push("the header x-request-id is missing".to_owned());
    }
    if answer.status() >= 400 && answer.method() != "HEAD" {
        if oauth::speaks(answer) {
            oauth::faults(answer, &mut faults);
        } else {
            problem::faults(answer, &mut faults);
        }
    }
    if let Some(operation) = operation(answer.method(), answer.path()) {
        operation_faults(operation, answer, &mut faults);
    }
    faults
}

fn operation_faults(operation: &Operation, answer: &Answer, faults: &mut Vec<String>) {
    let Some(response) = declared(operation, answer.status()) else {
        let statuses: Vec<_> = operation.statuses().collect();
        faults.push(format!(
            "{} declares {}, not this status",
            operation.operation_id,
            statuses.join(", ")
        ));
        return;
    };
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        if header["required"] == true && answer.header(name).is_none() {
            faults.push(format!("the header {name} is required"));
        }
    }
    let Some(content) = response["content"].as_object() else {
        if !answer.text().is_empty() {
            faults.push("no body is declared for this status".to_owned());
        }
        return;
    };
    // Bytes have the media type that they were stored with.
    if content.contains_key("*/*") {
        return;
    }
    let content_type = answer.header("content-type").unwrap_or_default();
    match content.get(&content_type) {
        Some(media_type) => {
            let schema = &media_type["schema"];
            faults.extend(contract::of(answer.path()).schema_faults(schema, answer));
        }
        None => faults.push(format!(
            "the media type {content_type:?} is not declared for this status"
        )),
    }
}

/// The response that the operation declares for `status`. `default` stands for failures only.
fn declared(operation: &Operation, status: u16) -> Option<&Value> {
    let wanted = status.to_string();
    let find = |key: &str| operation.responses.iter().find(|(status, _)| status == key);
    let found = find(&wanted).or_else(|| find("default").filter(|_| status >= 400));
    found.map(|(_, response)| response)
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    let same = |(wanted, given): (&&str, &&str)| {
        wanted == given || (wanted.starts_with('{') && !given.is_empty())
    };
    template.len() == path.len() && template.iter().zip(&path).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/v1/objects/0198c2f4-7b1e-7c33-9f0a-3d5e2b1c4a60";

    fn object() -> Value {
        json!({
            "id": "0198c2f4-7b1e-7c33-9f0a-3d5e2b1c4a60",
            "collection": "notes",
            "body": { "any": ["thing"] },
            "version": 1,
            "created_at": "2026-01-31T12:00:00.000000Z",
            "updated_at": "2026-01-31T12:00:00.000000Z",
        })
    }

    fn problem() -> Value {
        json!({
            "type": "http://localhost:8000/problems/object-not-found",
            "title": "Object not found",
            "status": 404,
            "detail": "None.",
            "instance": PATH,
            "code": "object-not-found",
            "request_id": "r",
            "error": { "message": "None.", "type": "x", "param": null, "code": "object-not-found" },
        })
    }

    fn faults_of(
        status: u16,
        headers: &[(&'static str, &'static str)],
        body: &Value,
    ) -> Vec<String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let answer = Answer::new(
            "GET",
            PATH,
            status,
            headers.collect(),
            body.to_string().into_bytes(),
        );
        faults(&answer)
    }

    const FINE: [(&str, &str); 3] = [
        ("x-request-id", "r"),
        ("content-type", "application/json"),
        ("etag", "\"1\""),
    ];
    const FAILED: [(&str, &str); 2] = [
        ("x-request-id", "r"),
        ("content-type", "application/problem+json"),
    ];

    #[test]
    fn what_keeps_to_the_contract_has_no_faults() {
        assert_eq!(faults_of(200, &FINE, &object()), Vec::<String>::new());
        assert_eq!(faults_of(404, &FAILED, &problem()), Vec::<String>::new());
    }

    #[test]
    fn every_departure_is_noticed() {
        let with = |mut whole: Value, pointer: &str, value: Value| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            whole.pointer_mut(parent).unwrap()[name] = value;
            whole
        };
        let text = [
            ("x-request-id", "r"),
            ("content-type", "text/plain"),
            ("etag", "\"1\""),
        ];
        for (faults, expected) in [
            (faults_of(201, &FINE, &object()), "declares 200, 304"),
            (
                faults_of(200, &FINE[..2], &object()),
                "the header ETag is required",
            ),
            (
                faults_of(200, &FINE[1..], &object()),
                "x-request-id is missing",
            ),
            (faults_of(200, &text, &object()), "media type"),
            (faults_of(304, &FINE, &object()), "no body is declared"),
            (
                faults_of(200, &FINE, &with(object(), "/secret", json!(1))),
                "secret",
            ),
            (
                faults_of(200, &FINE, &with(object(), "/version", json!("1"))),
                "/version",
            ),
            (
                faults_of(200, &FINE, &with(object(), "/id", json!("17"))),
                "/id",
            ),
            (
                faults_of(200, &FINE, &with(object(), "/created_at", json!("now"))),
                "/created_at",
            ),
            (faults_of(404, &FINE, &problem()), "media type"),
            (
                faults_of(500, &FAILED, &with(problem(), "/status", json!(500))),
                "failure of the server",
            ),
            (
                faults_of(401, &FAILED, &with(problem(), "/status", json!(401))),
                "WWW-Authenticate",
            ),
            (
                faults_of(404, &FAILED, &with(problem(), "/status", json!(400))),
                "`status` repeats",
            ),
            (
                faults_of(404, &FAILED, &with(problem(), "/code", json!("nonsense"))),
                "nonsense",
            ),
            (
                faults_of(404, &FAILED, &with(problem(), "/error/message", json!("x"))),
                "`error.message`",
            ),
            (
                faults_of(404, &FAILED, &with(problem(), "/instance", json!("/"))),
                "`instance`",
            ),
            (
                faults_of(404, &FAILED, &with(problem(), "/retry_after", json!(1))),
                "Retry-After",
            ),
        ] {
            assert!(
                faults.iter().any(|fault| fault.contains(expected)),
                "{expected}: {faults:?}"
            );
        }
    }
}
