//! JSON pointers (RFC 6901).

use std::fmt::{Display, Write};

/// `pointer` seen from one level further out, where it stands at `segment`.
pub(super) fn prefixed(segment: impl Display, pointer: &str) -> String {
    let mut whole = String::with_capacity(pointer.len() + 8);
    push(&mut whole, segment);
    whole.push_str(pointer);
    whole
}

/// Appends one segment, with `~` and `/` escaped.
pub(super) fn push(pointer: &mut String, segment: impl Display) {
    pointer.push('/');
    let mut escaped = Escaped(pointer);
    // Writing to a string cannot fail.
    let _ = write!(escaped, "{segment}");
}

/// The segments of `pointer`, unescaped.
pub(super) fn segments(pointer: &str) -> impl Iterator<Item = String> {
    pointer
        .split('/')
        .skip(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}

struct Escaped<'p>(&'p mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for character in text.chars() {
            match character {
                '~' => self.0.push_str("~0"),
                '/' => self.0.push_str("~1"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_round_trip() {
        let mut pointer = String::new();
        for segment in ["a/b", "", "~", "~1", "é"] {
            push(&mut pointer, segment);
        }
        assert_eq!(pointer, "/a~1b//~0/~01/é");
        assert!(segments(&pointer).eq(["a/b", "", "~", "~1", "é"]));
        assert_eq!(prefixed(0, "/x"), "/0/x");
    }
}
