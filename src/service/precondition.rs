//! Conditional requests (RFC 9110, 13.1) over integer versions.

use std::fmt::Display;

use crate::error::{Error, Violation};

/// One `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Any,
    Tags(Vec<EntityTag>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct EntityTag {
    weak: bool,
    opaque: String,
}

/// What must hold for a request to be carried out: all `If-Match` conditions that were given,
/// by header or by its twin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions(Vec<Condition>);

impl Preconditions {
    /// Reads conditions, each with the name under which it was sent; absent ones always hold.
    ///
    /// Understood are `*`, lists of entity tags, and versions without quotes.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] naming the condition that cannot be read.
    pub fn parse<'a>(
        given: impl IntoIterator<Item = (&'static str, Option<&'a str>)>,
    ) -> Result<Self, Error> {
        let conditions = given
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
            .map(|(name, text)| {
                let detail = "must be an entity tag such as \"3\", a list of them, or *";
                condition(text)
                    .ok_or_else(|| Error::InvalidRequest(vec![Violation::new(name, detail)]))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(conditions))
    }

    /// Checks all conditions as `If-Match`: strong comparison, so a weak tag never matches.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] with `current`, the version that is there.
    pub fn check(&self, current: Option<i64>) -> Result<(), Error> {
        let holds = |condition: &Condition| match (condition, current) {
            (_, None) => false,
            (Condition::Any, Some(_)) => true,
            (Condition::Tags(tags), Some(version)) => {
                let version = version.to_string();
                tags.iter().any(|tag| !tag.weak && tag.opaque == version)
            }
        };
        if self.0.iter().all(holds) {
            Ok(())
        } else {
            Err(Error::PreconditionFailed { current })
        }
    }

    /// Whether the caller stated no condition at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks all conditions as `If-Match` against a version that counts from 0, which stands for
    /// what was never stored: `"0"` matches it, and `*`, which asks for something, does not.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] with `current`.
    pub fn check_counted(&self, current: i64) -> Result<(), Error> {
        if current == 0 && self.0.contains(&Condition::Any) {
            return Err(Error::PreconditionFailed { current: Some(0) });
        }
        self.check(Some(current))
    }

    /// Whether any condition, read as `If-None-Match` (weak comparison), matches `current`, so that
    /// the caller's copy is still good. `current` is a version, or what else the tag holds.
    #[must_use]
    pub fn names(&self, current: impl Display) -> bool {
        let current = current.to_string();
        self.0.iter().any(|condition| match condition {
            Condition::Any => true,
            Condition::Tags(tags) => tags.iter().any(|tag| tag.opaque == current),
        })
    }
}

fn condition(text: &str) -> Option<Condition> {
    let mut rest = text.trim();
    if rest == "*" {
        return Some(Condition::Any);
    }
    let mut tags = Vec::new();
    loop {
        let (tag, after) = entity_tag(rest)?;
        tags.push(tag);
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(Condition::Tags(tags));
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

/// Reads one entity tag off the front of `text`; gives it and what follows.
fn entity_tag(text: &str) -> Option<(EntityTag, &str)> {
    let (weak, rest) = match text.strip_prefix("W/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (opaque, after) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None if weak => return None,
        None => rest.split_at(rest.find([',', ' ', '\t']).unwrap_or(rest.len())),
    };
    let quoted = rest.starts_with('"');
    let is_bare = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let readable = if quoted {
        !opaque.contains(char::is_control)
    } else {
        !opaque.is_empty() && opaque.chars().all(is_bare)
    };
    readable.then(|| {
        let opaque = opaque.to_owned();
        (EntityTag { weak, opaque }, after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Preconditions, Error> {
        Preconditions::parse([("If-Match", Some(text))])
    }

    #[test]
    fn reads_tags_lists_and_bare_versions() {
        for (text, matches) in [
            ("\"3\"", true),
            ("3", true),
            (" 3 ", true),
            ("*", true),
            ("\"2\", \"3\"", true),
            ("2,3", true),
            ("\"a,b\" , \"3\"", true),
            ("W/\"3\"", false),
            ("\"4\"", false),
            ("\"\"", false),
            ("\"03\"", false),
        ] {
            assert_eq!(
                parse(text).unwrap().check(Some(3)).is_ok(),
                matches,
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_tag() {
        for text in [
            "",
            "\"3",
            "3\"",
            "W/3",
            "\"3\" \"4\"",
            "\"3\",",
            ",",
            "*, \"3\"",
        ] {
            let outcome = parse(text);
            let never_matches = |conditions: &Preconditions| conditions.check(Some(3)).is_err();
            assert!(
                outcome.as_ref().map_or(true, never_matches),
                "{text}: {outcome:?}"
            );
        }
        assert!(parse("\"3").is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn nothing_matches_nothing_there() {
        assert!(parse("*").unwrap().check(None).is_err());
        assert!(Preconditions::default().check(None).is_ok());
    }

    #[test]
    fn what_was_never_stored_has_version_0() {
        for (text, matches) in [
            ("0", true),
            ("\"0\"", true),
            ("\"1\", \"0\"", true),
            ("*", false),
            ("W/\"0\"", false),
        ] {
            assert_eq!(
                parse(text).unwrap().check_counted(0).is_ok(),
                matches,
                "{text}"
            );
        }
        assert!(parse("*").unwrap().check_counted(1).is_ok());
        assert!(parse("0").unwrap().check_counted(1).is_err());
    }

    #[test]
    fn none_match_compares_weakly() {
        assert!(parse("W/\"3\"").unwrap().names(3));
        assert!(parse("*").unwrap().names(3));
        assert!(!parse("\"4\"").unwrap().names(3));
        assert!(!Preconditions::default().names(3));
    }
}
