//! JSON Merge Patch (RFC 7396) over canonical text.

use std::cmp::Ordering;

use super::tree::{Member, Tree, key_order};
use super::{Document, DocumentError, DocumentErrorKind, Limits, canonical};

/// Applies `patch` to `target`, both of them objects; every digit of every number is kept.
///
/// A member of the patch that is `null` removes, an object merges, anything else replaces.
///
/// # Errors
///
/// [`DocumentErrorKind::NotAnObject`] when either is not an object, and whatever limit of `limits`
/// the result breaks.
pub fn merge_patch(
    target: &Document,
    patch: &Document,
    limits: &Limits,
) -> Result<Document, DocumentError> {
    if !target.is_object() || !patch.is_object() {
        return Err(DocumentErrorKind::NotAnObject.into());
    }
    let hint = target.as_str().len() + patch.as_str().len();
    let target = Tree::read(target.as_str(), limits.max_depth)?;
    let patch = Tree::read(patch.as_str(), limits.max_depth)?;
    canonical::write(&merge(target, patch), hint, limits)
}

fn merge<'t>(target: Tree<'t>, patch: Tree<'t>) -> Tree<'t> {
    let Tree::Object(changes) = patch else {
        return patch;
    };
    match target {
        Tree::Object(members) => Tree::Object(merge_members(members, changes)),
        // A target that is no object counts as an empty one, so that nested nulls vanish.
        _ => Tree::Object(merge_members(Vec::new(), changes)),
    }
}

/// Both lists are in canonical order, so one walk along them gives the result in order.
fn merge_members<'t>(members: Vec<Member<'t>>, changes: Vec<Member<'t>>) -> Vec<Member<'t>> {
    let mut merged = Vec::with_capacity(members.len() + changes.len());
    let mut members = members.into_iter().peekable();
    for change in changes {
        while let Some(member) = members.next_if(|member| precedes(member, &change)) {
            merged.push(member);
        }
        let old = members.next_if(|member| member.key == change.key);
        if !matches!(change.value, Tree::Null) {
            let old = old.map_or(Tree::Null, |member| member.value);
            merged.push(Member {
                key: change.key,
                value: merge(old, change.value),
            });
        }
    }
    merged.extend(members);
    merged
}

fn precedes(left: &Member<'_>, right: &Member<'_>) -> bool {
    key_order(&left.key, &right.key) == Ordering::Less
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategy::arbitrary_object;
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(text, &Limits::default()).unwrap()
    }

    fn merged(target: &str, patch: &str) -> String {
        let result = merge_patch(&document(target), &document(patch), &Limits::default());
        result.unwrap().as_str().to_owned()
    }

    /// RFC 7396, appendix A. Its rows whose target or patch is no object are put one level down,
    /// where any value may stand.
    #[test]
    fn appendix_of_the_rfc() {
        for (target, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (
                r#"{"x":["a","b"]}"#,
                r#"{"x":["c","d"]}"#,
                r#"{"x":["c","d"]}"#,
            ),
            (r#"{"x":{"a":"b"}}"#, r#"{"x":["c"]}"#, r#"{"x":["c"]}"#),
            (r#"{"x":{"a":"foo"}}"#, r#"{"x":null}"#, "{}"),
            (r#"{"x":{"a":"foo"}}"#, r#"{"x":"bar"}"#, r#"{"x":"bar"}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            (
                r#"{"x":[1,2]}"#,
                r#"{"x":{"a":"b","c":null}}"#,
                r#"{"x":{"a":"b"}}"#,
            ),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merged(target, patch), expected, "{target} + {patch}");
        }
    }

    #[test]
    fn nulls_inside_arrays_stay_and_digits_are_kept() {
        assert_eq!(
            merged("{}", r#"{"a":[null,{"b":null}]}"#),
            r#"{"a":[null,{"b":null}]}"#
        );
        assert_eq!(
            merged(r#"{"n":1.00,"m":18446744073709551617}"#, r#"{"o":0.10}"#),
            r#"{"m":18446744073709551617,"n":1.00,"o":0.10}"#
        );
    }

    #[test]
    fn only_objects_and_only_within_limits() {
        let limits = Limits {
            max_bytes: 20,
            max_depth: 2,
        };
        let merge = |target: &str, patch: &str| {
            merge_patch(&document(target), &document(patch), &limits)
                .unwrap_err()
                .kind
        };
        assert_eq!(merge("[]", "{}"), DocumentErrorKind::NotAnObject);
        assert_eq!(merge("{}", "1"), DocumentErrorKind::NotAnObject);
        assert_eq!(
            merge("{}", r#"{"a":{"b":{}}}"#),
            DocumentErrorKind::TooDeep { max_depth: 2 }
        );
        assert_eq!(
            merge(r#"{"a":"12345678"}"#, r#"{"b":"12345678"}"#),
            DocumentErrorKind::TooLarge { max_bytes: 20 }
        );
    }

    /// RFC 7396, section 2, written as the RFC writes it.
    fn reference(target: Option<serde_json::Value>, patch: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        let Value::Object(patch) = patch else {
            return patch;
        };
        let Some(Value::Object(mut target)) = target else {
            return reference(
                Some(Value::Object(serde_json::Map::new())),
                Value::Object(patch),
            );
        };
        for (key, value) in patch {
            if value.is_null() {
                target.remove(&key);
            } else {
                let merged = reference(target.remove(&key), value);
                target.insert(key, merged);
            }
        }
        Value::Object(target)
    }

    proptest! {
        #[test]
        fn agrees_with_the_rfc_s_pseudocode(target in arbitrary_object(), patch in arbitrary_object()) {
            let result = merge_patch(&target, &patch, &Limits::default()).unwrap();
            let value = |document: &Document| serde_json::from_str(document.as_str()).unwrap();
            let expected = reference(Some(value(&target)), value(&patch)).to_string();
            prop_assert_eq!(result, document(&expected));
        }

        #[test]
        fn a_patch_is_idempotent(target in arbitrary_object(), patch in arbitrary_object()) {
            let limits = Limits::default();
            let once = merge_patch(&target, &patch, &limits).unwrap();
            prop_assert_eq!(merge_patch(&once, &patch, &limits).unwrap(), once);
        }
    }
}
