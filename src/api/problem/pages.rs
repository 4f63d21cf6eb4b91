//! The pages that a problem's `type` links to.

use std::fmt::Write as _;

use super::entry;
use crate::api::generated::types::ProblemCode;
use crate::api::page;

/// The page that explains one kind of problem.
#[must_use]
pub fn problem_page(code: ProblemCode) -> String {
    let entry = entry(code);
    let content = format!(
        "<p class=\"status\">HTTP {} · <code>{}</code></p><p>{}</p>\
         <p><a href=\"../problems\">All problems</a></p>",
        entry.status.as_u16(),
        code.as_str(),
        page::escape(entry.explanation),
    );
    page::render(entry.title, &content)
}

/// The page that lists every kind of problem.
#[must_use]
pub fn index_page() -> String {
    let mut rows = String::new();
    for code in ProblemCode::ALL {
        let entry = entry(code);
        // Writing to a String cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{status}</td><td><a href=\"problems/{slug}\"><code>{slug}</code></a></td><td>{text}</td></tr>",
            status = entry.status.as_u16(),
            slug = code.as_str(),
            text = page::escape(entry.explanation),
        );
    }
    let content = format!(
        "<p>Every failure is an <code>application/problem+json</code> document (RFC 9457) whose \
         <code>code</code> is one of these.</p><table><tr><th>Status</th><th>Code</th>\
         <th>Meaning</th></tr>{rows}</table>"
    );
    page::render("Problems", &content)
}
