//! Failures as problem documents (RFC 9457).

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::contract;

/// What every failure must be, also of paths that the contract does not have.
pub(super) fn faults(answer: &Answer, faults: &mut Vec<String>) {
    let mut must = |holds: bool, what: &str| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    let text = |pointer: &str| {
        answer
            .json()
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let number = |name: &str| answer[name].as_i64().map(|number| number.to_string());
    let content_type = answer.header("content-type");
    must(
        content_type.as_deref() == Some("application/problem+json"),
        "a problem has its own media type",
    );
    must(
        answer["status"] == answer.status(),
        "`status` repeats the status of the answer",
    );
    must(
        text("/type").ends_with(&format!("/problems/{}", text("/code"))),
        "`type` links to the page of `code`",
    );
    must(
        text("/error/code") == text("/code"),
        "`error.code` repeats `code`",
    );
    must(
        text("/error/message") == text("/detail"),
        "`error.message` repeats `detail`",
    );
    must(
        answer.header("x-request-id").as_deref() == Some(text("/request_id")),
        "`request_id` repeats x-request-id",
    );
    must(
        text("/instance") == answer.path(),
        "`instance` is the path of the request",
    );
    must(
        answer.header("retry-after") == number("retry_after"),
        "Retry-After repeats `retry_after`",
    );
    let version = number("current_version").map(|version| format!("\"{version}\""));
    must(
        answer.header("etag") == version,
        "ETag repeats `current_version`",
    );
    must(
        answer.status() != 401 || answer.header("www-authenticate").is_some(),
        "a 401 has WWW-Authenticate",
    );
    must(
        answer.status() != 405 || answer.header("allow").is_some(),
        "a 405 has Allow",
    );
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    faults.extend(contract::of(answer.path()).schema_faults(&problem, answer));
}
