//! Each row of the table, and each thing that has no form in 3.0.3.

use super::*;
use crate::load;

fn schema(yaml: &str) -> Result<Value, LowerError> {
    let text = format!("components: {{schemas: {{B: {{type: object}}, A: {yaml}}}}}");
    let lowered = lower(&load(&text).unwrap())?;
    Ok(lowered["components"]["schemas"]["A"].clone())
}

#[test]
fn each_row_of_the_table() {
    let rows = [
        (
            "{type: [string, 'null']}",
            json!({"type": "string", "nullable": true}),
        ),
        (
            "{type: [string, 'null'], enum: [a]}",
            json!({"type": "string", "enum": ["a", null], "nullable": true}),
        ),
        (
            "{anyOf: [{$ref: '#/components/schemas/B'}, {type: 'null'}]}",
            json!({"allOf": [{"$ref": "#/components/schemas/B"}], "nullable": true}),
        ),
        (
            "{oneOf: [{type: string, maxLength: 3}, {type: 'null'}], description: d}",
            json!({"description": "d", "type": "string", "maxLength": 3, "nullable": true}),
        ),
        (
            "{const: create}",
            json!({"type": "string", "enum": ["create"]}),
        ),
        (
            "{type: string, examples: [a, b]}",
            json!({"type": "string", "example": "a"}),
        ),
        (
            "{type: integer, exclusiveMinimum: 0}",
            json!({"type": "integer", "minimum": 0, "exclusiveMinimum": true}),
        ),
        (
            "{type: integer, exclusiveMaximum: 9}",
            json!({"type": "integer", "maximum": 9, "exclusiveMaximum": true}),
        ),
        (
            "{$ref: '#/components/schemas/B', description: d}",
            json!({"allOf": [{"$ref": "#/components/schemas/B"}], "description": "d"}),
        ),
        (
            "{type: string, contentMediaType: application/octet-stream}",
            json!({"type": "string", "format": "binary"}),
        ),
        (
            "{type: string, contentEncoding: base64}",
            json!({"type": "string", "format": "byte"}),
        ),
        ("true", json!({})),
        ("false", json!({"not": {}})),
        (
            "{type: object, properties: {}, additionalProperties: true}",
            json!({"type": "object", "properties": {}, "additionalProperties": true}),
        ),
        (
            "{type: object, additionalProperties: false, $comment: c}",
            json!({"type": "object", "additionalProperties": false}),
        ),
    ];
    for (yaml, expected) in rows {
        assert_eq!(schema(yaml), Ok(expected), "{yaml}");
    }
}

#[test]
fn what_has_no_form_is_an_error_with_its_place() {
    let rows = [
        ("{type: [string, integer]}", "/components/schemas/A/type"),
        ("{type: 'null'}", "/components/schemas/A"),
        ("{minimum: 1, exclusiveMinimum: 0}", "/components/schemas/A"),
        (
            "{type: string, contentMediaType: image/png}",
            "/components/schemas/A",
        ),
        (
            "{properties: {p: {type: [string, integer]}}}",
            "/components/schemas/A/properties/p/type",
        ),
    ];
    for (yaml, pointer) in rows {
        assert_eq!(schema(yaml).unwrap_err().pointer, pointer, "{yaml}");
    }
}

#[test]
fn document_level_fields_are_lowered() {
    let yaml = "openapi: 3.1.0\ninfo: {title: t, summary: s, license: {name: MIT, identifier: MIT}}\n\
                webhooks: {}\npaths: {/a: {get: {responses: {'200': {$ref: '#/components/responses/R', description: d}}}}}\n\
                components: {responses: {R: {description: r}}, pathItems: {}}";
    let lowered = lower(&load(yaml).unwrap()).unwrap();
    let expected = json!({
        "openapi": "3.0.3",
        "info": {"title": "t", "license": {"name": "MIT"}},
        "paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/components/responses/R"}}}}},
        "components": {"responses": {"R": {"description": "r"}}},
    });
    assert_eq!(lowered, expected);
}

#[test]
fn an_operation_needs_responses() {
    let document = load("paths: {/a: {get: {summary: s}}}").unwrap();
    assert_eq!(lower(&document).unwrap_err().pointer, "/paths/~1a/get");
}
