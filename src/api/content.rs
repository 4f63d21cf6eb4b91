//! How a file's content is answered: which bytes, under which name, and so that no browser runs it.

mod disposition;
mod range;

use std::ops::Range;

use mime::Mime;

pub(super) use disposition::attachment;

use super::generated::types::ProblemCode;
use super::problem::Problem;
use range::{Requested, requested};

/// What a media type that cannot be sent as it is becomes.
pub(super) const BYTES: &str = "application/octet-stream";

/// The longest media type that is kept, in bytes.
const MEDIA_TYPE_LENGTH: usize = 255;

/// What keeps a browser from running what a file contains, if it should be led to show it.
pub(super) const POLICY: &str = "sandbox; default-src 'none'";

/// `text` as a media type that a header can carry.
pub(super) fn media_type(text: Option<&str>) -> String {
    let short = text.filter(|text| text.len() <= MEDIA_TYPE_LENGTH);
    let parsed = short.and_then(|text| text.parse::<Mime>().ok());
    parsed.map_or_else(|| BYTES.to_owned(), |media_type| media_type.to_string())
}

/// The header `Content-Range` of the bytes `range` of `length` (RFC 9110, 14.4).
pub(super) fn content_range(range: &Range<u64>, length: u64) -> String {
    format!(
        "bytes {}-{}/{length}",
        range.start,
        range.end.saturating_sub(1)
    )
}

/// Which bytes to answer.
pub(super) struct Asked {
    /// The bytes.
    pub range: Range<u64>,
    /// Whether they were asked for as the whole, and not as a range of it.
    pub is_whole: bool,
}

/// What the header `Range` asks of `length` bytes.
///
/// # Errors
/// 416 for a range with none of them in it.
pub(super) fn asked(range: Option<&str>, length: u64) -> Result<Asked, Problem> {
    match requested(range, length) {
        Requested::Whole => Ok(Asked {
            range: 0..length,
            is_whole: true,
        }),
        Requested::Part(range) => Ok(Asked {
            range,
            is_whole: false,
        }),
        Requested::Unsatisfiable => {
            let detail = format!("The file has {length} bytes, and none of them is in the range.");
            Err(Problem::new(ProblemCode::RangeNotSatisfiable, detail).of_length(length))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_plain_or_bytes() {
        assert_eq!(
            media_type(Some("text/plain; charset=utf-8")),
            "text/plain; charset=utf-8"
        );
        let long = format!("text/{}", "x".repeat(251));
        for text in [
            Some(long.as_str()),
            None,
            Some(""),
            Some("text"),
            Some("text/plain\r\nx: y"),
            Some("é/é"),
        ] {
            assert_eq!(media_type(text), BYTES, "{text:?}");
        }
    }

    #[test]
    fn a_content_range_ends_with_its_last_byte() {
        assert_eq!(content_range(&(0..100), 1000), "bytes 0-99/1000");
        assert_eq!(content_range(&(999..1000), 1000), "bytes 999-999/1000");
    }
}
