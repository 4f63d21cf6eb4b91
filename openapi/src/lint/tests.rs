//! Each rule, proven by a small change to a good document.

use super::lint;
use crate::{Finding, Plane, load};

mod bodies;
mod operations;
mod streams;

/// A document that keeps every rule.
const GOOD: &str = r"
openapi: 3.1.0
info: {title: t, version: '1', description: d}
servers: [{url: https://store.example}]
tags: [{name: notes, description: Notes.}]
security: [{key: []}]
paths:
  /v1/notes/{id}:
    put:
      operationId: put_note
      tags: [notes]
      summary: Put a note
      description: Puts it.
      x-required-scope: objects:write
      x-openai-isConsequential: false
      parameters:
        - {name: id, in: path, required: true, description: The id., schema: {type: string}}
        - {name: If-Match, in: header, x-twin: if_match, description: The tag., schema: {type: string}}
        - {name: order, in: query, description: The order., schema: {$ref: '#/components/schemas/Order'}}
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}
      responses:
        '200':
          description: The note.
          headers: {ETag: {description: The tag., schema: {type: string}}}
          content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}
        default:
          description: It failed.
          content: {application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}}
components:
  securitySchemes: {key: {type: http, scheme: bearer}}
  schemas:
    Order: {type: string, enum: [asc, desc]}
    Note:
      type: object
      additionalProperties: false
      properties:
        text: {type: string, description: The text.}
        body: {type: object, description: Anything., properties: {}, additionalProperties: true}
        if_match: {type: string, description: The version.}
    Problem:
      type: object
      required: [status]
      properties: {status: {type: integer, format: int32, description: The status.}}
";

const OPERATION: &str = "/paths/~1v1~1notes~1{id}/put";

fn findings(yaml: &str) -> Vec<Finding> {
    findings_in(yaml, Plane::Data)
}

fn findings_in(yaml: &str, plane: Plane) -> Vec<Finding> {
    let document = load(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    lint(&document, plane)
}

/// Expects a finding at `at` with `words` in it, once `from` is replaced by `to`.
#[track_caller]
fn breaks(from: &str, to: &str, at: &str, words: &str) {
    assert!(GOOD.contains(from), "the good document has no {from:?}");
    let found = findings(&GOOD.replacen(from, to, 1));
    assert!(
        found
            .iter()
            .any(|finding| finding.pointer == at && finding.message.contains(words)),
        "no finding at {at} with {words:?} in {found:#?}"
    );
}

#[test]
fn the_good_document_and_the_contracts_keep_every_rule() {
    assert_eq!(findings(GOOD), []);
    for plane in Plane::ALL {
        assert_eq!(findings_in(plane.yaml(), plane), []);
    }
}

#[test]
fn operations_of_operators_are_for_operators() {
    let operators = GOOD.replace("objects:write", "admin");
    let operators = operators.replace("      x-openai-isConsequential: false\n", "");
    assert_eq!(findings_in(&operators, Plane::Operator), []);
    let places = |yaml: &str, plane| {
        let found = findings_in(yaml, plane).into_iter();
        found.map(|finding| finding.pointer).collect::<Vec<_>>()
    };
    let scope = format!("{OPERATION}/x-required-scope");
    let consequence = format!("{OPERATION}/x-openai-isConsequential");
    let both = [scope, consequence];
    assert_eq!(places(GOOD, Plane::Operator), both);
    assert_eq!(places(&operators, Plane::Data), both);
    let open = operators.replace("security: [{key: []}]", "security: []");
    let open = open.replace("x-required-scope: admin", "deprecated: false");
    assert_eq!(places(&open, Plane::Operator), both[..1]);
}
