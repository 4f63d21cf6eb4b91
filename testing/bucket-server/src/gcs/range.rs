//! The `Range` header (RFC 9110, section 14.2), one range of bytes.

use std::ops::Range;

/// The bytes of `size` that `header` asks for; `None` when there are none.
pub fn parse(header: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first, last) {
        ("", suffix) => size.saturating_sub(suffix.parse().ok()?)..size,
        (first, "") => first.parse().ok()?..size,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(size),
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        assert_eq!(parse("bytes=0-9", 20), Some(0..10));
        assert_eq!(parse("bytes=15-99", 20), Some(15..20));
        assert_eq!(parse("bytes=15-", 20), Some(15..20));
        assert_eq!(parse("bytes=-5", 20), Some(15..20));
        assert_eq!(parse("bytes=20-30", 20), None);
        assert_eq!(parse("bytes=0-0", 0), None);
        assert_eq!(parse("lines=0-1", 20), None);
    }
}
