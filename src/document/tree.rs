//! A document in memory: strings decoded, numbers left as the text they were written in.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::scan::Scanner;
use super::{DocumentError, DocumentErrorKind};

/// One JSON value, borrowing from its text wherever nothing had to be unescaped.
#[derive(Clone, Debug, Default)]
pub(super) enum Tree<'t> {
    #[default]
    Null,
    Bool(bool),
    /// The number as it is written.
    Number(&'t str),
    String(Cow<'t, str>),
    Array(Vec<Self>),
    /// Members in canonical order, each key once.
    Object(Vec<Member<'t>>),
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(super) struct Member<'t> {
    pub(super) key: Cow<'t, str>,
    pub(super) value: Tree<'t>,
}

impl<'t> Tree<'t> {
    /// Reads `text`, whose grammar has been judged, at most `max_depth` levels deep.
    pub(super) fn read(text: &'t str, max_depth: usize) -> Result<Self, DocumentError> {
        let reader = Reader { max_depth };
        reader.value(&mut Scanner::new(text), max_depth)
    }

    /// The member called `key`, if this is an object that has one.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let found = members.binary_search_by(|member| key_order(&member.key, key));
        found.ok().map(|index| &members[index].value)
    }
}

/// The order of members in canonical text: shorter keys first, then bytewise.
pub(super) fn key_order(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

struct Reader {
    max_depth: usize,
}

impl Reader {
    fn value<'t>(
        &self,
        scanner: &mut Scanner<'t>,
        depth: usize,
    ) -> Result<Tree<'t>, DocumentError> {
        match scanner.peek() {
            Some(b'{') => self.object(scanner, self.descend(depth)?),
            Some(b'[') => self.array(scanner, self.descend(depth)?),
            Some(b'"') => string(scanner).map(Tree::String),
            _ => match scanner.scalar().ok_or_else(not_json)? {
                "null" => Ok(Tree::Null),
                "true" => Ok(Tree::Bool(true)),
                "false" => Ok(Tree::Bool(false)),
                number => Ok(Tree::Number(number)),
            },
        }
    }

    fn descend(&self, depth: usize) -> Result<usize, DocumentError> {
        let max_depth = self.max_depth;
        depth
            .checked_sub(1)
            .ok_or_else(|| DocumentErrorKind::TooDeep { max_depth }.into())
    }

    fn array<'t>(
        &self,
        scanner: &mut Scanner<'t>,
        depth: usize,
    ) -> Result<Tree<'t>, DocumentError> {
        let mut items = Vec::new();
        scanner.eat(b'[');
        if scanner.eat(b']') {
            return Ok(Tree::Array(items));
        }
        loop {
            let item = self.value(scanner, depth);
            items.push(item.map_err(|error| error.within(items.len()))?);
            if !scanner.eat(b',') {
                break;
            }
        }
        closed(scanner, b']')?;
        Ok(Tree::Array(items))
    }

    fn object<'t>(
        &self,
        scanner: &mut Scanner<'t>,
        depth: usize,
    ) -> Result<Tree<'t>, DocumentError> {
        let mut members = Vec::new();
        scanner.eat(b'{');
        if scanner.eat(b'}') {
            return Ok(Tree::Object(members));
        }
        loop {
            let key = string(scanner)?;
            closed(scanner, b':')?;
            let value = self.value(scanner, depth);
            let value = value.map_err(|error| error.within(&key))?;
            members.push(Member { key, value });
            if !scanner.eat(b',') {
                break;
            }
        }
        closed(scanner, b'}')?;
        put_in_order(&mut members);
        Ok(Tree::Object(members))
    }
}

/// Sorts members and keeps the last of equal keys, as `jsonb` does.
fn put_in_order(members: &mut Vec<Member<'_>>) {
    // The sort is stable, so equal keys stay in the order they were written.
    members.sort_by(|left, right| key_order(&left.key, &right.key));
    members.dedup_by(|next, kept| {
        let same = next.key == kept.key;
        if same {
            std::mem::swap(next, kept);
        }
        same
    });
}

fn string<'t>(scanner: &mut Scanner<'t>) -> Result<Cow<'t, str>, DocumentError> {
    let token = scanner.string().ok_or_else(not_json)?;
    if !token.contains('\\') {
        return Ok(Cow::Borrowed(&token[1..token.len() - 1]));
    }
    // The grammar has been judged; what is left to fail is half of a surrogate pair.
    let decoded: String =
        serde_json::from_str(token).map_err(|_| DocumentErrorKind::LoneSurrogate)?;
    if decoded.contains('\0') {
        return Err(DocumentErrorKind::NulCharacter.into());
    }
    Ok(Cow::Owned(decoded))
}

fn closed(scanner: &mut Scanner<'_>, byte: u8) -> Result<(), DocumentError> {
    if scanner.eat(byte) {
        Ok(())
    } else {
        Err(not_json())
    }
}

/// Only text that came around [`super::Document::parse`] gets here.
fn not_json() -> DocumentError {
    let detail = "the stored text is damaged".to_owned();
    DocumentErrorKind::NotJson { detail }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_in_order() {
        let tree = Tree::read(r#"{"bb":1,"a":2,"bb":3,"":4,"é":5}"#, 8).unwrap();
        let Tree::Object(members) = &tree else {
            panic!("an object");
        };
        let keys: Vec<_> = members.iter().map(|member| member.key.as_ref()).collect();
        assert_eq!(keys, ["", "a", "bb", "é"]);
        assert!(matches!(tree.get("bb"), Some(Tree::Number("3"))));
        assert!(tree.get("b").is_none());
    }

    #[test]
    fn damaged_text_is_an_error() {
        for text in ["", "{", "{1:2}", "[1", "{\"a\"}", "[1 2]", "{\"a\":}"] {
            assert!(Tree::read(text, 8).is_err(), "{text:?}");
        }
    }
}
