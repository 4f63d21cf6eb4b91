//! Containment of documents: PostgreSQL's `jsonb @>`, for the database that has no such operator.
//!
//! The rules (PostgreSQL manual, 8.14.3, and `JsonbDeepContains`): an object contains another when
//! it has every key of it with a value that contains the other's; an array contains another when
//! each element of the other is contained in some element of it, whatever the order and count;
//! scalars contain their equals, numbers by value. At the outermost level only, an array also
//! contains a scalar that is one of its elements.

use std::cmp::Ordering;

use memchr::memmem::Finder;

use super::canonical::push_string;
use super::scan::Scanner;
use super::tree::Tree;
use super::{Document, number};

/// Deeper patterns match nothing; no document within [`super::Limits`] is as deep.
const MAX_DEPTH: usize = 128;

/// True when `document @> pattern`.
#[must_use]
pub fn contains(document: &Document, pattern: &Document) -> bool {
    Pattern::new(pattern).matches(document.as_str())
}

/// The right side of `@>`, prepared for many documents.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// `None` when the pattern could not be read, and so matches nothing.
    root: Option<Wanted>,
    /// Texts that every match has in it somewhere, the longest first.
    needles: Vec<Finder<'static>>,
}

impl Pattern {
    /// Prepares `pattern`.
    #[must_use]
    pub fn new(pattern: &Document) -> Self {
        let root = Tree::read(pattern.as_str(), MAX_DEPTH).ok().map(Wanted::of);
        let mut needles = Vec::new();
        if let Some(root) = &root {
            root.collect_needles(&mut needles);
        }
        needles.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        needles.dedup();
        // A few long ones tell most rows apart; more would only be scanned for in vain.
        needles.truncate(4);
        let needles = needles
            .iter()
            .map(|needle| Finder::new(needle).into_owned());
        Self {
            needles: needles.collect(),
            root,
        }
    }

    /// True when the document whose canonical text is `canonical` contains the pattern.
    #[must_use]
    pub fn matches(&self, canonical: &str) -> bool {
        let Some(root) = &self.root else {
            return false;
        };
        let possible = |needle: &Finder<'_>| needle.find(canonical.as_bytes()).is_some();
        self.needles.iter().all(possible)
            && root
                .is_in_root(&mut Scanner::new(canonical))
                .unwrap_or(false)
    }
}

/// A value of the pattern. Texts are kept as canonical text writes them, to compare bytes only.
#[derive(Clone, Debug)]
enum Wanted {
    /// A string with its quotes, `true`, `false` or `null`.
    Literal(String),
    /// The shortest text of a number's value.
    Number(String),
    Array {
        scalars: Vec<Self>,
        containers: Vec<Self>,
    },
    /// Keys with their quotes, in canonical order.
    Object(Vec<(String, Self)>),
}

impl Wanted {
    fn of(tree: Tree<'_>) -> Self {
        match tree {
            Tree::Null => Self::Literal("null".to_owned()),
            Tree::Bool(value) => Self::Literal(value.to_string()),
            Tree::Number(text) => Self::Number(number::value(text).to_owned()),
            Tree::String(text) => Self::Literal(quoted(&text)),
            Tree::Array(items) => Self::of_array(items),
            Tree::Object(members) => Self::Object(
                members
                    .into_iter()
                    .map(|member| (quoted(&member.key), Self::of(member.value)))
                    .collect(),
            ),
        }
    }

    fn of_array(items: Vec<Tree<'_>>) -> Self {
        let items = items.into_iter().map(Self::of);
        let (mut scalars, containers): (Vec<_>, Vec<_>) = items.partition(Self::is_scalar);
        scalars.sort_by(|left, right| left.scalar_text().cmp(right.scalar_text()));
        scalars.dedup_by(|left, right| left.scalar_text() == right.scalar_text());
        Self::Array {
            scalars,
            containers,
        }
    }

    fn is_scalar(&self) -> bool {
        matches!(self, Self::Literal(_) | Self::Number(_))
    }

    /// The text of a scalar. No number reads like a literal, so one order serves both.
    fn scalar_text(&self) -> &str {
        match self {
            Self::Literal(text) | Self::Number(text) => text,
            Self::Array { .. } | Self::Object(_) => "",
        }
    }

    /// Keys and strings stand in a matching row exactly as they do here. Numbers may not.
    fn collect_needles(&self, needles: &mut Vec<String>) {
        match self {
            Self::Literal(text) => needles.push(text.clone()),
            Self::Number(_) => {}
            Self::Array {
                scalars,
                containers,
            } => scalars
                .iter()
                .chain(containers)
                .for_each(|item| item.collect_needles(needles)),
            Self::Object(members) => {
                for (key, value) in members {
                    needles.push(format!("{key}:"));
                    value.collect_needles(needles);
                }
            }
        }
    }

    /// As [`Wanted::is_in`], with the exception for the outermost level.
    fn is_in_root(&self, scanner: &mut Scanner<'_>) -> Option<bool> {
        if !self.is_scalar() || scanner.peek()? != b'[' {
            return self.is_in(scanner);
        }
        let text = self.scalar_text();
        each_element(scanner, |element, place| {
            Some(match element {
                Element::Scalar(scalar) if scalar == text => Step::Stop,
                Element::Scalar(_) => Step::Next,
                Element::Container => {
                    place.skip_value()?;
                    Step::Next
                }
            })
        })
        .map(|end| end == Step::Stop)
    }

    /// Whether the value at `scanner` contains this; `None` when the text is damaged.
    ///
    /// The scanner stands behind the value after `true`, and anywhere after `false`.
    fn is_in(&self, scanner: &mut Scanner<'_>) -> Option<bool> {
        match (scanner.peek()?, self) {
            (b'{', Self::Object(members)) => object_contains(scanner, members),
            (
                b'[',
                Self::Array {
                    scalars,
                    containers,
                },
            ) => array_contains(scanner, scalars, containers),
            (b'{' | b'[', _) | (_, Self::Object(_) | Self::Array { .. }) => Some(false),
            (_, scalar) => Some(scalar_at(scanner)? == scalar.scalar_text()),
        }
    }
}

/// Both sides are in canonical order, so one walk along the row's members finds every wanted key.
fn object_contains(scanner: &mut Scanner<'_>, wanted: &[(String, Wanted)]) -> Option<bool> {
    let mut wanted = wanted.iter().peekable();
    scanner.eat(b'{');
    if scanner.eat(b'}') {
        return Some(wanted.peek().is_none());
    }
    loop {
        let key = scanner.string()?;
        if !scanner.eat(b':') {
            return None;
        }
        match wanted.next_if(|(wanted, _)| wanted == key) {
            Some((_, value)) if !value.is_in(scanner)? => return Some(false),
            Some(_) => {}
            None => scanner.skip_value()?,
        }
        if !scanner.eat(b',') {
            break;
        }
    }
    scanner.eat(b'}').then_some(wanted.peek().is_none())
}

fn array_contains(
    scanner: &mut Scanner<'_>,
    scalars: &[Wanted],
    containers: &[Wanted],
) -> Option<bool> {
    let mut found = vec![false; scalars.len()];
    let mut places = Vec::new();
    each_element(scanner, |element, place| {
        match element {
            Element::Scalar(text) => {
                let order = |wanted: &Wanted| -> Ordering { wanted.scalar_text().cmp(text) };
                if let Ok(index) = scalars.binary_search_by(order) {
                    found[index] = true;
                }
            }
            Element::Container => {
                places.push(*place);
                place.skip_value()?;
            }
        }
        Some(Step::Next)
    })?;
    if found.contains(&false) {
        return Some(false);
    }
    for container in containers {
        if !contained_in_any(container, &places)? {
            return Some(false);
        }
    }
    Some(true)
}

fn contained_in_any(container: &Wanted, places: &[Scanner<'_>]) -> Option<bool> {
    for place in places {
        if container.is_in(&mut place.clone())? {
            return Some(true);
        }
    }
    Some(false)
}

/// What stands at an element of the row's array.
enum Element<'t> {
    /// Already read, as [`scalar_at`] gives it.
    Scalar(&'t str),
    /// To be read or skipped by the visitor.
    Container,
}

#[derive(PartialEq, Eq)]
enum Step {
    Next,
    Stop,
}

/// Shows each element of an array to `visit` until it says stop, and tells what it said last.
fn each_element<'t>(
    scanner: &mut Scanner<'t>,
    mut visit: impl FnMut(Element<'t>, &mut Scanner<'t>) -> Option<Step>,
) -> Option<Step> {
    scanner.eat(b'[');
    if scanner.eat(b']') {
        return Some(Step::Next);
    }
    loop {
        let element = match scanner.peek()? {
            b'{' | b'[' => Element::Container,
            _ => Element::Scalar(scalar_at(scanner)?),
        };
        if visit(element, scanner)? == Step::Stop {
            return Some(Step::Stop);
        }
        if !scanner.eat(b',') {
            return scanner.eat(b']').then_some(Step::Next);
        }
    }
}

/// The scalar that comes next, a number reduced to its value.
fn scalar_at<'t>(scanner: &mut Scanner<'t>) -> Option<&'t str> {
    match scanner.peek()? {
        b'"' => scanner.string(),
        b'-' | b'0'..=b'9' => scanner.scalar().map(number::value),
        _ => scanner.scalar(),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_string(&mut out, text);
    out
}

#[cfg(test)]
mod tests;
