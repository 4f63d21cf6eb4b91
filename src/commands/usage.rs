//! `gpt usage`: what a GPT has stored, and its calls.

use serde_json::json;

use super::Failure;
use super::output::{dash, print_json, print_table};
use crate::ids::GptId;
use crate::service::GptUsage;

/// Prints what `id` uses.
pub(super) fn show(id: &GptId, usage: &GptUsage, json: bool) -> Result<(), Failure> {
    let (stored, calls) = (&usage.stored, &usage.calls);
    let entries = usage.knows_entries.then_some(stored.entries);
    if json {
        return print_json(&json!({
            "gpt_id": id.as_str(),
            "collections": stored.collections,
            "objects": stored.objects,
            "document_bytes": stored.document_bytes,
            "namespaces": stored.namespaces,
            "entries": entries,
            "namespace_bytes": stored.namespace_bytes,
            "files": stored.files,
            "file_bytes": stored.file_bytes,
            "calls": {
                "since": usage.since,
                "until": usage.until,
                "total": calls.total(),
                "successful": calls.successful,
                "redirected": calls.redirected,
                "refused": calls.refused,
                "failed": calls.failed,
            },
        }));
    }
    let of_calls = format!("calls since {}", usage.since);
    let rows = [
        ("collections", stored.collections.to_string()),
        ("objects", stored.objects.to_string()),
        ("bytes of documents", stored.document_bytes.to_string()),
        ("namespaces", stored.namespaces.to_string()),
        ("keys in namespaces", dash(entries)),
        ("bytes of namespaces", stored.namespace_bytes.to_string()),
        ("files", stored.files.to_string()),
        ("bytes of files", stored.file_bytes.to_string()),
        (of_calls.as_str(), calls.total().to_string()),
        ("  answered with 2xx", calls.successful.to_string()),
        ("  answered with 3xx", calls.redirected.to_string()),
        ("  answered with 4xx", calls.refused.to_string()),
        ("  answered with 5xx", calls.failed.to_string()),
    ];
    let cells = rows.into_iter();
    print_table(
        ["WHAT", "COUNT"],
        cells.map(|(what, count)| [what.to_owned(), count]),
    );
    Ok(())
}
