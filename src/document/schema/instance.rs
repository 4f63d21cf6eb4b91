//! How the validator sees a document: a [`Tree`] whose every look is charged to a [`Meter`].

use std::borrow::Cow;
use std::cmp::Ordering;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use serde_json::{Number, Value};

use super::super::number;
use super::super::tree::{Member, Tree};
use super::meter::{Meter, Tariff};

/// An error keeps its paths and texts alive until all are counted.
const STEPS_PER_ERROR: u64 = 100;

/// Documents as a representation that the validator is compiled for.
pub(super) struct Metered;

/// One value of a document under validation.
#[derive(Clone, Copy)]
pub(super) struct Instance<'a> {
    tree: &'a Tree<'a>,
    /// `None` for the name of a property, which is charged when the property is.
    meter: Option<&'a Meter>,
}

impl<'a> Instance<'a> {
    pub(super) fn new(tree: &'a Tree<'a>, meter: &'a Meter) -> Self {
        let meter = Some(meter);
        Self { tree, meter }
    }

    /// The value, unless the meter is spent.
    fn look(&self, steps: u64) -> Option<&'a Tree<'a>> {
        self.look_at(|_| steps)
    }

    /// The value, unless what it costs by the schema's tariff is not to be had.
    fn look_at(&self, steps: impl Fn(&Tariff) -> u64) -> Option<&'a Tree<'a>> {
        self.meter
            .is_none_or(|meter| meter.charge(steps(meter.tariff())))
            .then_some(self.tree)
    }
}

impl Json for Metered {
    type Node<'a> = Instance<'a>;
    type PreparedKey = String;
    type StringBuffer = Tree<'static>;

    // A lookup is a binary search over keys.
    const KEYS_PER_LOOKUP: usize = 2;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(
        buffer: &mut Tree<'static>,
        string: &str,
        f: impl FnOnce(Instance<'_>) -> T,
    ) -> T {
        *buffer = Tree::String(Cow::Owned(string.to_owned()));
        f(Instance {
            tree: buffer,
            meter: None,
        })
    }
}

impl<'a> Node<'a, Metered> for Instance<'a> {
    type Object = Members<'a>;
    type Array = Items<'a>;
    type Number = Decimal<'a>;

    fn as_object(&self) -> Option<Members<'a>> {
        match self.look(1)? {
            Tree::Object(members) => Some(Members {
                node: *self,
                members,
            }),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Items<'a>> {
        match self.look(1)? {
            Tree::Array(items) => Some(Items { node: *self, items }),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let Tree::String(text) = self.tree else {
            return None;
        };
        self.look_at(|tariff| tariff.text(text))?;
        Some(Cow::Borrowed(text))
    }

    fn string_length(&self) -> Option<u64> {
        let Tree::String(text) = self.tree else {
            return None;
        };
        self.look(1 + text.len() as u64 / 64)?;
        Some(text.chars().count() as u64)
    }

    fn as_number(&self) -> Option<Decimal<'a>> {
        let Tree::Number(digits) = self.tree else {
            return None;
        };
        self.look_at(|tariff| tariff.number(digits.len()))?;
        Some(Decimal(digits))
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.look(1)? {
            Tree::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.look(1), None | Some(Tree::Null))
    }

    fn is_number(&self) -> bool {
        matches!(self.look(1), Some(Tree::Number(_)))
    }

    fn is_string(&self) -> bool {
        matches!(self.look(1), Some(Tree::String(_)))
    }

    fn json_type(&self) -> JsonType {
        match self.look(1) {
            None | Some(Tree::Null) => JsonType::Null,
            Some(Tree::Bool(_)) => JsonType::Boolean,
            Some(Tree::Number(_)) => JsonType::Number,
            Some(Tree::String(_)) => JsonType::String,
            Some(Tree::Array(_)) => JsonType::Array,
            Some(Tree::Object(_)) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        self.look(2).is_some_and(|tree| equals(tree, expected))
    }

    /// Messages never show a value, so none is built for them; `Bool` marks an error that was
    /// found after the meter had run out, and so means nothing.
    fn to_value(&self) -> Cow<'a, Value> {
        match self.look(STEPS_PER_ERROR) {
            Some(_) => Cow::Owned(Value::Null),
            None => Cow::Owned(Value::Bool(true)),
        }
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.tree).addr()))
    }
}

/// True when an error says something about the document (see [`Node::to_value`] above).
pub(super) fn is_trustworthy(instance: &Value) -> bool {
    instance.is_null()
}

/// Equality in JSON Schema's sense: numbers by value, objects without order.
fn equals(tree: &Tree<'_>, expected: &Value) -> bool {
    match (tree, expected) {
        (Tree::Null, Value::Null) => true,
        (Tree::Bool(left), Value::Bool(right)) => left == right,
        // The schema is canonical text too, so equal values have equal shortest texts.
        (Tree::Number(left), Value::Number(right)) => {
            number::value(left) == number::value(&JsonNumber::as_str(right))
        }
        (Tree::String(left), Value::String(right)) => left == right,
        (Tree::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equals(left, right))
        }
        (Tree::Object(left), Value::Object(right)) => {
            let same = |member: &Member<'_>| {
                right
                    .get(member.key.as_ref())
                    .is_some_and(|value| equals(&member.value, value))
            };
            left.len() == right.len() && left.iter().all(same)
        }
        _ => false,
    }
}

/// A total order in which values are equal exactly when JSON Schema calls them so.
fn compare(left: &Tree<'_>, right: &Tree<'_>) -> Ordering {
    match (left, right) {
        (Tree::Bool(left), Tree::Bool(right)) => left.cmp(right),
        (Tree::Number(left), Tree::Number(right)) => number::value(left).cmp(number::value(right)),
        (Tree::String(left), Tree::String(right)) => left.cmp(right),
        (Tree::Array(left), Tree::Array(right)) => {
            let length = left.len().cmp(&right.len());
            let items = || {
                left.iter()
                    .zip(right)
                    .map(|(left, right)| compare(left, right))
            };
            length.then_with(|| first_difference(items()))
        }
        (Tree::Object(left), Tree::Object(right)) => {
            let length = left.len().cmp(&right.len());
            let members = || {
                left.iter().zip(right).map(|(left, right)| {
                    let keys = left.key.cmp(&right.key);
                    keys.then_with(|| compare(&left.value, &right.value))
                })
            };
            length.then_with(|| first_difference(members()))
        }
        (left, right) => kind(left).cmp(&kind(right)),
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn kind(tree: &Tree<'_>) -> u8 {
    match tree {
        Tree::Null => 0,
        Tree::Bool(_) => 1,
        Tree::Number(_) => 2,
        Tree::String(_) => 3,
        Tree::Array(_) => 4,
        Tree::Object(_) => 5,
    }
}

/// An object under validation.
pub(super) struct Members<'a> {
    node: Instance<'a>,
    members: &'a [Member<'a>],
}

impl<'a> Members<'a> {
    fn child(node: Instance<'a>, member: &'a Member<'a>) -> Option<Instance<'a>> {
        node.look_at(|tariff| tariff.member(&member.key))?;
        Some(Instance {
            tree: &member.value,
            ..node
        })
    }
}

impl<'a> Object<'a, Metered> for Members<'a> {
    type Node = Instance<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<Instance<'a>> {
        self.node.look(1)?;
        let order = |member: &Member<'_>| super::super::tree::key_order(&member.key, key);
        let index = self.members.binary_search_by(order).ok()?;
        Self::child(self.node, &self.members[index])
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter {
            node: self.node,
            members: self.members.iter(),
        }
    }
}

/// The members of an object, until the meter is spent.
pub(super) struct MembersIter<'a> {
    node: Instance<'a>,
    members: std::slice::Iter<'a, Member<'a>>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Instance<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.members.next()?;
        Members::child(self.node, member).map(|child| (member.key.as_ref(), child))
    }
}

/// An array under validation.
pub(super) struct Items<'a> {
    node: Instance<'a>,
    items: &'a [Tree<'a>],
}

impl<'a> Array<'a, Metered> for Items<'a> {
    type Node = Instance<'a>;
    type ElementsIter = ItemsIter<'a>;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn elements(&self) -> ItemsIter<'a> {
        ItemsIter {
            node: self.node,
            items: self.items.iter(),
        }
    }

    /// Sorts instead of hashing: the validator's own hash is the same for all numbers that share a
    /// nearest `f64` and for many nested arrays, which makes a hash set quadratic.
    fn is_unique(&self) -> bool {
        let count = self.items.len() as u64;
        if self.node.look(count * 32).is_none() {
            return true;
        }
        let mut sorted: Vec<&Tree<'_>> = self.items.iter().collect();
        sorted.sort_unstable_by(|left, right| compare(left, right));
        sorted
            .windows(2)
            .all(|pair| compare(pair[0], pair[1]).is_ne())
    }
}

/// The items of an array, until the meter is spent.
pub(super) struct ItemsIter<'a> {
    node: Instance<'a>,
    items: std::slice::Iter<'a, Tree<'a>>,
}

impl<'a> Iterator for ItemsIter<'a> {
    type Item = Instance<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let tree = self.items.next()?;
        self.node.look_at(|tariff| tariff.per_value)?;
        Some(Instance { tree, ..self.node })
    }
}

/// A number as canonical text: no exponent, every digit there.
pub(super) struct Decimal<'a>(&'a str);

impl JsonNumber for Decimal<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    /// Keeps every digit because the validator's `arbitrary-precision` turns on serde_json's.
    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Owned(self.0.parse().unwrap_or_else(|_| Number::from(0)))
    }

    fn is_integer(&self) -> bool {
        !number::value(self.0).contains('.')
    }
}
