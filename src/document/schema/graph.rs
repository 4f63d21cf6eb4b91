//! What a schema may ask for, judged before it is compiled.
//!
//! Subschemas are the nodes of a graph. Some edges lead to a subschema for *the same* value
//! (`$ref`, `allOf`, `anyOf`, `if`, …), the others to one for a member or an item. Along the first
//! kind the validator goes without looking at the document, so [`super::meter`] cannot bound it;
//! hence this module refuses
//! - circles of such edges, which JSON Schema itself leaves undefined (Core, 9.4.1);
//! - chains of more than [`MAX_CHAIN`] of them, which would use up the stack;
//! - more than [`MAX_WORK`] visits of subschemas for one value, counted along every path, as
//!   doubling references (`"allOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/b"}]`) reach soon.

use super::super::tree::Tree;
use super::{SchemaError, reader};

/// Most subschemas one after the other for the same value.
const MAX_CHAIN: usize = 32;
/// Most visits of subschemas for one value.
const MAX_WORK: u64 = 2_000;

/// What validation needs to know of an accepted schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Most visits of subschemas for one value.
    pub(super) work_per_value: u64,
    /// How many regular expressions there are.
    pub(super) patterns: usize,
}

/// Judges a schema that is nested at most as deep as the reader allowed.
pub(super) fn judge(schema: &Tree<'_>) -> Result<Shape, SchemaError> {
    let graph = reader::read(schema)?;
    let order = graph.order()?;
    let (work, chain) = graph.weigh(&order);
    let root = |detail: String| SchemaError {
        pointer: String::new(),
        detail,
    };
    if chain > MAX_CHAIN {
        return Err(root(format!(
            "applies more than {MAX_CHAIN} subschemas one inside the other to the same value"
        )));
    }
    if work > MAX_WORK {
        return Err(root(format!(
            "may apply more than {MAX_WORK} subschemas to the same value; repeat fewer references"
        )));
    }
    Ok(Shape {
        work_per_value: work,
        patterns: graph.patterns,
    })
}

/// One subschema.
#[derive(Default)]
pub(super) struct Node {
    /// Subschemas for the same value.
    pub(super) in_place: Vec<usize>,
    /// Has `unevaluatedProperties` or `unevaluatedItems`, which go over the others once more.
    pub(super) unevaluated: bool,
}

/// All subschemas and what they lead to.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// Where each node stands in the schema.
    pub(super) pointers: Vec<String>,
    /// How many regular expressions the schema holds.
    pub(super) patterns: usize,
}

impl Graph {
    /// Nodes in an order in which in-place edges lead forwards only.
    fn order(&self) -> Result<Vec<usize>, SchemaError> {
        let mut incoming = vec![0_usize; self.nodes.len()];
        for target in self.nodes.iter().flat_map(|node| &node.in_place) {
            incoming[*target] += 1;
        }
        let mut order: Vec<usize> = (0..incoming.len())
            .filter(|node| incoming[*node] == 0)
            .collect();
        let mut next = 0;
        while let Some(node) = order.get(next).copied() {
            next += 1;
            for target in &self.nodes[node].in_place {
                incoming[*target] -= 1;
                if incoming[*target] == 0 {
                    order.push(*target);
                }
            }
        }
        match incoming.iter().position(|count| *count > 0) {
            None => Ok(order),
            Some(node) => Err(SchemaError {
                pointer: self.pointers[node].clone(),
                detail: "refers to itself for the same value, which has no end".to_owned(),
            }),
        }
    }

    /// The heaviest node's visits for one value, and the longest chain.
    fn weigh(&self, order: &[usize]) -> (u64, usize) {
        let mut weights = vec![Weight::default(); self.nodes.len()];
        let mut heaviest = 1;
        let mut longest = 1;
        for index in order.iter().rev() {
            let node = &self.nodes[*index];
            let weight = Weight::of(node, &weights);
            heaviest = heaviest.max(weight.collecting);
            longest = longest.max(weight.chain);
            weights[*index] = weight;
        }
        (heaviest, longest)
    }
}

/// Visits of subschemas for one value, in the ways the validator goes about.
#[derive(Clone, Copy, Default)]
struct Weight {
    /// To tell whether the value is valid.
    judging: u64,
    /// To mark what was evaluated: each part is judged and then marked.
    marking: u64,
    /// To collect errors: each part is judged and then collected.
    collecting: u64,
    chain: usize,
}

impl Weight {
    fn of(node: &Node, weights: &[Self]) -> Self {
        let mut weight = Self {
            judging: 1,
            marking: 1,
            collecting: 1,
            chain: 0,
        };
        for part in node.in_place.iter().map(|part| weights[*part]) {
            weight.judging = weight.judging.saturating_add(part.judging);
            weight.marking = weight
                .marking
                .saturating_add(part.judging.saturating_add(part.marking));
            weight.collecting = weight
                .collecting
                .saturating_add(part.judging.saturating_add(part.collecting));
            weight.chain = weight.chain.max(part.chain);
        }
        weight.chain += 1;
        if node.unevaluated {
            weight.judging = weight.judging.saturating_add(weight.marking);
            weight.collecting = weight.collecting.saturating_add(weight.marking);
        }
        weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(schema: &str) -> Result<Shape, SchemaError> {
        judge(&Tree::read(schema, 64).unwrap())
    }

    fn refused_at(schema: &str) -> String {
        judged(schema).unwrap_err().pointer
    }

    #[test]
    fn work_is_counted_along_paths() {
        assert_eq!(judged("true").unwrap().work_per_value, 1);
        let leaf = judged(r##"{"properties":{"a":{"$ref":"#"},"b":{"pattern":"x"}}}"##).unwrap();
        assert_eq!((leaf.work_per_value, leaf.patterns), (3, 1));
        let twice =
            judged(r##"{"allOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}],"$defs":{"a":{}}}"##);
        assert!(twice.unwrap().work_per_value > 5);
    }

    #[test]
    fn doubling_is_refused() {
        let levels = (0..15).map(|level| {
            let next = level + 1;
            format!(r##""d{level}":{{"allOf":[{{"$ref":"#/$defs/d{next}"}},{{"$ref":"#/$defs/d{next}"}}]}}"##)
        });
        let levels: Vec<_> = levels.collect();
        let schema = format!(
            r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d15":{{}}}}}}"##,
            levels.join(",")
        );
        assert!(judged(&schema).unwrap_err().detail.contains("2000"));
    }

    #[test]
    fn circles_are_refused_only_for_one_value() {
        assert_eq!(refused_at(r##"{"$ref":"#"}"##), "");
        assert_eq!(
            refused_at(r##"{"anyOf":[{"$ref":"#/anyOf/0"}]}"##),
            "/anyOf/0"
        );
        assert!(judged(r##"{"items":{"$ref":"#"},"properties":{"a/b":{"$ref":"#"}}}"##).is_ok());
        assert!(
            judged(r##"{"$defs":{"t":{"$anchor":"t","items":{"$ref":"#t"}}},"$ref":"#t"}"##)
                .is_ok()
        );
        assert!(judged(r##"{"$defs":{"a b/~":{}},"$ref":"#/%24defs/a%20b~1~0"}"##).is_ok());
    }

    #[test]
    fn references_stay_inside() {
        for reference in [
            "http://169.254.169.254/",
            "file:///etc/passwd",
            "other.json#/a",
            "",
            "#/$defs/none",
            "#none",
            "#/a%+0",
            "#/a%4",
        ] {
            let schema = format!(r##"{{"properties":{{"a":{{"$ref":"{reference}"}}}}}}"##);
            assert_eq!(refused_at(&schema), "/properties/a/$ref", "{reference}");
        }
        assert_eq!(refused_at(r##"{"items":{"$id":"x"}}"##), "/items/$id");
        assert_eq!(
            refused_at(r##"{"not":{"$anchor":"a"},"$anchor":"a"}"##),
            "/not/$anchor"
        );
        assert_eq!(refused_at(r##"{"$dynamicRef":"#a"}"##), "/$dynamicRef");
        assert_eq!(
            refused_at(r##"{"$schema":"http://json-schema.org/draft-07/schema#"}"##),
            "/$schema"
        );
    }
}
