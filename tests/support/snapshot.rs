//! Whole problem documents, with what differs from run to run struck out.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::answer::Answer;

static STRUCK_OUT: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
    [
        (
            Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap(),
            "[id]",
        ),
        (Regex::new("gpt-[0-9a-f]{32}").unwrap(), "[gpt]"),
        (
            Regex::new("http://[a-z0-9.]+:[0-9]+").unwrap(),
            "[public-url]",
        ),
    ]
});

/// Compares the problem with `tests/contract/snapshots/{name}.snap`.
///
/// `INSTA_UPDATE=always` writes what comes; look at the change before you commit it.
pub fn assert_problem(name: &str, answer: &Answer) {
    let mut problem = answer.json().clone();
    problem["request_id"] = Value::from("[request-id]");
    let mut text = serde_json::to_string_pretty(&problem).unwrap();
    for (pattern, instead) in STRUCK_OUT.iter() {
        text = pattern.replace_all(&text, *instead).into_owned();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../contract/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
