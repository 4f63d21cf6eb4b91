//! The header `Content-Disposition` (RFC 6266), from a name that nobody trusts.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a name that has nothing left in it becomes.
const NAMELESS: &str = "file";

/// What RFC 8187 has encoded: all but `attr-char`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The header that has a browser save the content as `filename`, without any folders before it.
///
/// A name that is not plain ASCII is sent twice: encoded, and with `_` in place of what every
/// program would read in its own way.
pub(in crate::api) fn attachment(filename: &str) -> String {
    let name = safe(filename);
    let plain: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let mut header = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        let encoded = utf8_percent_encode(&name, ENCODED);
        header.push_str(&format!("; filename*=UTF-8''{encoded}"));
    }
    header
}

/// The last part of the path that `filename` may be, without characters that hide or steer.
fn safe(filename: &str) -> String {
    let last = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .collect();
    match visible.trim_matches([' ', '.']) {
        "" => NAMELESS.to_owned(),
        // A dot in front is part of many a name; only `.` and `..` are folders.
        _ => visible.trim().to_owned(),
    }
}

/// Marks that change the direction of writing make `exe.txt` of `txt.exe`.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether a quoted string means the same to every program: `%` is decoded by some.
fn is_plain(c: char) -> bool {
    (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%')
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    #[test]
    fn names() {
        for (filename, header) in [
            ("notes.txt", "attachment; filename=\"notes.txt\""),
            ("my notes.txt", "attachment; filename=\"my notes.txt\""),
            (".profile", "attachment; filename=\".profile\""),
            ("/etc/passwd", "attachment; filename=\"passwd\""),
            ("..\\..\\boot.ini", "attachment; filename=\"boot.ini\""),
            ("..", "attachment; filename=\"file\""),
            ("", "attachment; filename=\"file\""),
            ("a/", "attachment; filename=\"file\""),
            ("\r\n\0", "attachment; filename=\"file\""),
            (
                "a\r\nSet-Cookie: b",
                "attachment; filename=\"aSet-Cookie: b\"",
            ),
            ("gpj\u{202e}.exe", "attachment; filename=\"gpj.exe\""),
            (
                "a\"b.txt",
                "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt",
            ),
            (
                "100%.txt",
                "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt",
            ),
            (
                "größe 1.txt",
                "attachment; filename=\"gr__e 1.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%201.txt",
            ),
        ] {
            assert_eq!(attachment(filename), header, "{filename:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_makes_a_header_with_one_quoted_name(filename in "\\PC*|[\\x00-\\x7f]*") {
            let header = attachment(&filename);
            proptest::prop_assert!(HeaderValue::from_str(&header).is_ok());
            proptest::prop_assert!(header.is_ascii());
            proptest::prop_assert_eq!(header.matches('"').count(), 2);
            proptest::prop_assert!(!header.contains(['/', '\\']));
        }
    }
}
