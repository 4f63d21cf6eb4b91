//! Results on standard output: a table for people, JSON for programs.

use serde::Serialize;

use super::Failure;
use crate::error::{Error, Violation};

/// Prints `value` as one line of JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// Prints rows in columns as wide as their widest cell.
pub(super) fn print_table<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let mut table = vec![head.map(str::to_owned)];
    table.extend(rows);
    let widths: [usize; N] = std::array::from_fn(|column| {
        let lengths = table.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    });
    for row in &table {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// The value, or a dash.
pub(super) fn dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A failure of a service call, with every place that is wrong, for a person at a terminal.
pub(super) fn spoken(error: Error) -> Failure {
    match error {
        Error::InvalidRequest(places) => {
            let sentence = |place: &Violation| format!("{} {}", place.pointer, place.detail);
            let sentences: Vec<_> = places.iter().map(sentence).collect();
            sentences.join("; ").into()
        }
        error => error.into(),
    }
}
