//! The constraints of the document, held against what a request brought.

use std::fmt::Display;

use regex::Regex;

use super::RawJson;
use crate::error::Violation;

/// A place in a request: a JSON Pointer (RFC 6901) into the body, or a parameter's name.
#[derive(Clone, Debug, Default)]
pub struct Pointer(String);

impl Pointer {
    /// The place called `name`; empty for the whole body.
    #[must_use]
    pub fn root(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Looks at the member `key` of this place.
    pub fn key(&mut self, key: &str, look: impl FnOnce(&mut Self)) {
        self.inside(&key.replace('~', "~0").replace('/', "~1"), look);
    }

    /// Looks at the member `key` of this place, or, when `bare`, at the place itself, which then is
    /// what the member would be.
    pub fn key_unless(&mut self, bare: bool, key: &str, look: impl FnOnce(&mut Self)) {
        if bare {
            look(self);
        } else {
            self.key(key, look);
        }
    }

    /// Looks at the element `index` of this place.
    pub fn index(&mut self, index: usize, look: impl FnOnce(&mut Self)) {
        self.inside(&index.to_string(), look);
    }

    fn inside(&mut self, token: &str, look: impl FnOnce(&mut Self)) {
        let length = self.0.len();
        self.0.push('/');
        self.0.push_str(token);
        look(self);
        self.0.truncate(length);
    }

    /// The place as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn violated(&self, detail: String, violations: &mut Vec<Violation>) {
        violations.push(Violation::new(self.0.clone(), detail));
    }
}

/// A request body whose members the document constrains.
pub trait Validate {
    /// Adds a violation for each constraint that `self`, standing at `at`, breaks.
    fn validate(&self, at: &mut Pointer, violations: &mut Vec<Violation>);
}

/// Checks `minLength` and `maxLength`, which count characters, not bytes.
pub fn length(
    value: &str,
    least: Option<usize>,
    most: Option<usize>,
    at: &Pointer,
    violations: &mut Vec<Violation>,
) {
    // No text has more characters than bytes, so most texts need no counting.
    if least.is_none() && most.is_some_and(|most| value.len() <= most) {
        return;
    }
    let count = value.chars().count();
    sized(count, "character", least, most, at, violations);
}

/// Checks `minItems` and `maxItems`.
pub fn items(
    count: usize,
    least: Option<usize>,
    most: Option<usize>,
    at: &Pointer,
    violations: &mut Vec<Violation>,
) {
    sized(count, "item", least, most, at, violations);
}

fn sized(
    count: usize,
    unit: &str,
    least: Option<usize>,
    most: Option<usize>,
    at: &Pointer,
    violations: &mut Vec<Violation>,
) {
    if let Some(least) = least.filter(|least| count < *least) {
        let units = plural(least, unit);
        at.violated(
            format!("must have at least {units}, but has {count}"),
            violations,
        );
    }
    if let Some(most) = most.filter(|most| count > *most) {
        let units = plural(most, unit);
        at.violated(
            format!("must have at most {units}, but has {count}"),
            violations,
        );
    }
}

fn plural(count: usize, unit: &str) -> String {
    if count == 1 {
        format!("1 {unit}")
    } else {
        format!("{count} {unit}s")
    }
}

/// Checks `pattern`.
pub fn pattern(value: &str, pattern: &Regex, at: &Pointer, violations: &mut Vec<Violation>) {
    if !pattern.is_match(value) {
        at.violated(format!("must match the pattern {pattern}"), violations);
    }
}

/// Checks `minimum`.
pub fn at_least<N: PartialOrd + Display>(
    value: N,
    bound: N,
    at: &Pointer,
    violations: &mut Vec<Violation>,
) {
    if value < bound {
        at.violated(
            format!("must be at least {bound}, but is {value}"),
            violations,
        );
    }
}

/// Checks `maximum`.
pub fn at_most<N: PartialOrd + Display>(
    value: N,
    bound: N,
    at: &Pointer,
    violations: &mut Vec<Violation>,
) {
    if value > bound {
        at.violated(
            format!("must be at most {bound}, but is {value}"),
            violations,
        );
    }
}

/// Checks `minimum` with `exclusiveMinimum`.
pub fn above<N: PartialOrd + Display>(
    value: N,
    bound: N,
    at: &Pointer,
    violations: &mut Vec<Violation>,
) {
    if value <= bound {
        at.violated(
            format!("must be more than {bound}, but is {value}"),
            violations,
        );
    }
}

/// Checks `maximum` with `exclusiveMaximum`.
pub fn below<N: PartialOrd + Display>(
    value: N,
    bound: N,
    at: &Pointer,
    violations: &mut Vec<Violation>,
) {
    if value >= bound {
        at.violated(
            format!("must be less than {bound}, but is {value}"),
            violations,
        );
    }
}

/// Checks `type: object` of JSON that is kept as text.
pub fn object(value: &RawJson, at: &Pointer, violations: &mut Vec<Violation>) {
    if !value.get().starts_with('{') {
        at.violated("must be a JSON object".to_owned(), violations);
    }
}

/// A pattern of the document, compiled.
///
/// # Panics
///
/// When `pattern` is not a regular expression; the generator refuses to write such a pattern.
#[must_use]
pub fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the generator compiled every pattern before it wrote it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(look: impl FnOnce(&mut Pointer, &mut Vec<Violation>)) -> Vec<(String, String)> {
        let mut violations = Vec::new();
        look(&mut Pointer::default(), &mut violations);
        violations
            .into_iter()
            .map(|violation| (violation.pointer, violation.detail))
            .collect()
    }

    #[test]
    fn places_are_json_pointers() {
        let found = violations(|at, violations| {
            at.key("a/b~c", |at| {
                at.index(3, |at| items(0, Some(1), None, at, violations));
            });
            items(2, None, Some(1), at, violations);
        });
        let expected = [
            ("/a~1b~0c/3", "must have at least 1 item, but has 0"),
            ("", "must have at most 1 item, but has 2"),
        ];
        assert_eq!(
            found,
            expected.map(|(at, detail)| (at.to_owned(), detail.to_owned()))
        );
    }

    #[test]
    fn length_counts_characters() {
        let count = |text: &str, least, most| {
            violations(|at, violations| length(text, least, most, at, violations)).len()
        };
        assert_eq!(count("ééé", None, Some(3)), 0);
        assert_eq!(count("éééé", None, Some(3)), 1);
        assert_eq!(count("é", Some(2), None), 1);
        assert_eq!(count("", Some(1), Some(3)), 1);
    }

    #[test]
    fn bounds_are_inclusive_unless_they_say_so() {
        let found = violations(|at, violations| {
            at_least(1, 1, at, violations);
            at_most(1, 1, at, violations);
            assert!(violations.is_empty());
            above(1, 1, at, violations);
            below(1, 1, at, violations);
            at_least(0, 1, at, violations);
            at_most(2, 1, at, violations);
        });
        assert_eq!(found.len(), 4);
        assert_eq!(found[0].1, "must be more than 1, but is 1");
    }

    #[test]
    fn patterns_and_objects() {
        let digits = compiled("^[0-9]+$");
        let found = violations(|at, violations| {
            pattern("12", &digits, at, violations);
            object(&RawJson::from_text("{}".to_owned()), at, violations);
            assert!(violations.is_empty());
            pattern("1a", &digits, at, violations);
            object(&RawJson::from_text("[]".to_owned()), at, violations);
        });
        assert_eq!(found[0].1, "must match the pattern ^[0-9]+$");
        assert_eq!(found[1].1, "must be a JSON object");
    }
}
