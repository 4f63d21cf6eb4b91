//! Lines out of a stream of bytes, in memory that the longest line bounds.

use bytes::{Bytes, BytesMut};
use futures::{Stream, TryStreamExt};

use crate::error::Error;

/// The lines of a stream.
pub(super) struct Lines<S> {
    content: S,
    buffer: BytesMut,
    /// How much of the buffer is known to have no end of a line.
    scanned: usize,
    most: usize,
    /// Bytes of the present line that were thrown away because it is too long.
    thrown_away: u64,
    has_ended: bool,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The text, without the end of the line; `None` when it is too long.
    pub(super) text: Option<Bytes>,
    /// The bytes of the whole line, its end included.
    pub(super) bytes: u64,
}

impl<S: Stream<Item = Result<Bytes, Error>> + Unpin> Lines<S> {
    /// The lines of `content`, of which those over `most` bytes are not kept.
    pub(super) fn new(content: S, most: usize) -> Self {
        Self {
            content,
            buffer: BytesMut::new(),
            scanned: 0,
            most,
            thrown_away: 0,
            has_ended: false,
        }
    }

    /// The next line; `None` after the last. The last needs no end.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, Error> {
        loop {
            let rest = &self.buffer[self.scanned..];
            if let Some(place) = memchr::memchr(b'\n', rest) {
                return Ok(Some(self.take(self.scanned + place, 1)));
            }
            self.scanned = self.buffer.len();
            if self.has_ended {
                let is_empty = self.buffer.is_empty() && self.thrown_away == 0;
                return Ok((!is_empty).then(|| self.take(self.buffer.len(), 0)));
            }
            if self.buffer.len() > self.most {
                self.thrown_away += self.buffer.len() as u64;
                self.buffer.clear();
                self.scanned = 0;
            }
            match self.content.try_next().await? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => self.has_ended = true,
            }
        }
    }

    /// Takes `length` bytes as a line, and its end.
    fn take(&mut self, length: usize, end: usize) -> Line {
        let mut line = self.buffer.split_to(length + end).freeze();
        self.scanned = 0;
        let thrown_away = std::mem::take(&mut self.thrown_away);
        let bytes = thrown_away + line.len() as u64;
        line.truncate(length);
        let is_whole = thrown_away == 0 && length <= self.most;
        Line {
            text: is_whole.then_some(line),
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, stream};
    use proptest::prelude::*;

    use super::*;

    /// The lines of `text`, which comes in pieces of these lengths, again and again.
    fn lines(text: &[u8], pieces: &[usize], most: usize) -> Vec<Line> {
        let (mut rest, mut sent) = (Bytes::copy_from_slice(text), Vec::new());
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            sent.push(Ok(rest.split_to((*piece).min(rest.len()))));
        }
        let mut lines = Lines::new(stream::iter(sent), most);
        let all = async {
            let mut all = Vec::new();
            while let Some(line) = lines.next().await.unwrap() {
                all.push(line);
            }
            all
        };
        all.now_or_never().unwrap()
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let found = lines(b"ab\nabcdefghij\n\nxyz", &[2], 4);
        let text = |line: &Line| line.text.clone();
        let texts: Vec<_> = found.iter().map(text).collect();
        let some = |text: &'static str| Some(Bytes::from(text));
        assert_eq!(texts, [some("ab"), None, some(""), some("xyz")]);
        let bytes: Vec<_> = found.iter().map(|line| line.bytes).collect();
        assert_eq!(bytes, [3, 11, 1, 3]);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_in_whatever_pieces_they_come(
            text in "[ab\n]{0,60}",
            pieces in proptest::collection::vec(1_usize..9, 1..4),
        ) {
            let found = lines(text.as_bytes(), &pieces, 5);
            let all: u64 = found.iter().map(|line| line.bytes).sum();
            prop_assert_eq!(all, text.len() as u64);
            let expected: Vec<&str> = text.split_terminator('\n').collect();
            let expected = expected.iter().map(|line| (line.len() <= 5).then_some(*line));
            let found = found.iter().map(|line| line.text.as_deref());
            let found = found.map(|text| text.map(|text| std::str::from_utf8(text).unwrap()));
            prop_assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }
}
