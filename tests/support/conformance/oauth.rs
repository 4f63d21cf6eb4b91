//! Failures of the authorization server, which speaks as RFC 6749 says, or to a person.

use crate::support::answer::Answer;

/// Whether a failure is told as RFC 6749 says, or to a person.
pub(super) fn speaks(answer: &Answer) -> bool {
    let is_problem = answer.header("content-type").as_deref() == Some("application/problem+json");
    answer.path().starts_with("/oauth/") && !is_problem
}

/// What a failure of the authorization server must be.
pub(super) fn faults(answer: &Answer, faults: &mut Vec<String>) {
    let mut must = |holds: bool, what: &str| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    let cache_control = answer.header("cache-control");
    must(
        cache_control.as_deref() == Some("no-store"),
        "no cache keeps it",
    );
    if answer.path() == "/oauth/authorize" {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        must(
            policy.contains("frame-ancestors 'none'"),
            "no page frames it",
        );
        return;
    }
    let content_type = answer.header("content-type");
    must(
        content_type.as_deref() == Some("application/json"),
        "it is JSON",
    );
    let error = answer["error"].as_str().unwrap_or_default();
    must(!error.is_empty(), "it has an error code");
    let said = answer["error_description"].as_str().unwrap_or_default();
    let allowed = |byte: u8| matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\';
    must(
        !said.is_empty() && said.bytes().all(allowed),
        "RFC 6749, 5.2, limits the letters",
    );
    must(
        answer.status() == if error == "invalid_client" { 401 } else { 400 },
        "the status fits",
    );
    must(
        answer.status() != 401 || answer.header("www-authenticate").is_some(),
        "a 401 has WWW-Authenticate",
    );
}
