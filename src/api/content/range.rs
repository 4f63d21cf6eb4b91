//! The header `Range` (RFC 9110, 14.1.2 and 14.2).

use std::ops::Range;

/// Which bytes a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Requested {
    /// All of them.
    Whole,
    /// These, of which there is at least one.
    Part(Range<u64>),
    /// None that are there.
    Unsatisfiable,
}

/// What `text` asks of `length` bytes. What is not one readable range of bytes asks for all: a
/// server may ignore the header, and several ranges would need an answer in several parts.
pub(in crate::api) fn requested(text: Option<&str>, length: u64) -> Requested {
    let Some((first, last)) = text.and_then(only_range) else {
        return Requested::Whole;
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(suffix)) if first.is_empty() => length.saturating_sub(suffix)..length,
        _ => return Requested::Whole,
    };
    if range.is_empty() {
        Requested::Unsatisfiable
    } else {
        Requested::Part(range)
    }
}

/// What stands before and after the hyphen of the only range.
fn only_range(text: &str) -> Option<(&str, &str)> {
    let (unit, range) = text.trim().split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    unit.eq_ignore_ascii_case("bytes").then_some((first, last))
}

/// The number that `digits` are; one that is too large for us is larger than any file.
fn number(digits: &str) -> Option<u64> {
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_thousand_bytes() {
        for (text, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-499", 0..500),
            ("bytes=500-999", 500..1000),
            ("bytes=500-", 500..1000),
            ("bytes=999-", 999..1000),
            ("bytes=-1", 999..1000),
            ("bytes=-1000", 0..1000),
            ("bytes=-5000", 0..1000),
            ("bytes=990-2000", 990..1000),
            ("bytes=0-18446744073709551615", 0..1000),
            ("bytes=0-99999999999999999999999", 0..1000),
            ("BYTES= 1-2 ", 1..3),
        ] {
            assert_eq!(
                requested(Some(text), 1000),
                Requested::Part(range),
                "{text}"
            );
        }
    }

    #[test]
    fn what_has_no_byte_in_it_is_unsatisfiable() {
        for (text, length) in [
            ("bytes=1000-", 1000),
            ("bytes=1000-1001", 1000),
            ("bytes=99999999999999999999999-", 1000),
            ("bytes=-0", 1000),
            ("bytes=0-", 0),
            ("bytes=0-0", 0),
            ("bytes=-1", 0),
        ] {
            let found = requested(Some(text), length);
            assert_eq!(found, Requested::Unsatisfiable, "{text} of {length}");
        }
    }

    #[test]
    fn several_ranges_and_what_is_none_ask_for_the_whole() {
        assert_eq!(requested(None, 1000), Requested::Whole);
        for text in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=2-1",
            "bytes=0-1,5-6",
            "bytes=0-1, ",
            "bytes=+1-2",
            "bytes=0--1",
            "bytes=1 - 2",
            "items=0-1",
            "0-1",
        ] {
            assert_eq!(requested(Some(text), 1000), Requested::Whole, "{text}");
        }
    }
}
