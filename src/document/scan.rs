//! Tokens of text that is known to be JSON.
//!
//! serde_json has accepted the text, or the store wrote it, so the scanner need not judge grammar.
//! It still answers `None` on anything else and never panics, because a row can be edited by hand.

use memchr::memchr2;

/// A place in JSON text.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte that is not white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Steps over `byte` if it comes next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// A string as it is written, quotes included.
    pub(super) fn string(&mut self) -> Option<&'t str> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at;
        let end = end_of_string(self.text.as_bytes(), start + 1)?;
        self.at = end;
        self.text.get(start..end)
    }

    /// A number, `true`, `false` or `null` as it is written.
    pub(super) fn scalar(&mut self) -> Option<&'t str> {
        self.peek()?;
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'))
            .unwrap_or(rest.len());
        let start = self.at;
        self.at += length;
        self.text
            .get(start..self.at)
            .filter(|text| !text.is_empty())
    }

    /// Steps over a whole value, without recursion.
    pub(super) fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    self.scalar()?;
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// Index after the quote that ends the string whose content begins at `at`.
pub(super) fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_exactly_one_value() {
        for value in [
            "{}",
            "[]",
            "1",
            "\"a\\\"]\"",
            "{\"a\":[1,{\"b\":\"}\"}],\"c\":null}",
            "true",
        ] {
            let text = format!("{value} ,next");
            let mut scanner = Scanner::new(&text);
            assert_eq!(scanner.skip_value(), Some(()), "{value}");
            assert!(scanner.eat(b','), "{value}");
        }
    }

    #[test]
    fn broken_text_ends() {
        for text in ["", "\"", "\"\\", "[", "{\"a\":", "]", "[1,", ",", "[\"\\\""] {
            assert_eq!(Scanner::new(text).skip_value(), None, "{text:?}");
        }
    }
}
