//! Rules of parameters, bodies and schemas.

use super::{GOOD, OPERATION, breaks, findings};

#[test]
fn parameters() {
    let at = |index: usize, rest: &str| format!("{OPERATION}/parameters/{index}{rest}");
    breaks(
        "{name: order, in: query, description: The order.,",
        "{name: order, in: query,",
        &at(2, "/description"),
        "write a description",
    );
    let long = format!("description: {}", "d".repeat(701));
    breaks(
        "description: The order.",
        &long,
        &at(2, "/description"),
        "has 701 characters",
    );
    breaks(
        "name: order, in: query",
        "name: order, in: cookie",
        &at(2, "/in"),
        "cookies",
    );
    breaks("name: order, in", "name: '', in", &at(2, ""), "a name");
    breaks(
        "name: order, in",
        "explode: false, name: order, in",
        &at(2, "/explode"),
        "remove it",
    );
    breaks(
        "{$ref: '#/components/schemas/Order'}",
        "{type: array, items: {type: string}}",
        &at(2, "/schema"),
        "string with commas",
    );
    breaks(
        "required: true, description: The id.",
        "description: The id.",
        &at(0, ""),
        "required: true",
    );
    breaks(
        "name: id, in: path",
        "name: key, in: path",
        &at(0, ""),
        "no segment {key}",
    );
    breaks(
        "name: id, in: path",
        "name: key, in: path",
        &at(0, "").replace("/0", ""),
        "declare the path",
    );
    let twice = "- {name: order, in: query, description: d, schema: {type: string}}\n        - {name: order";
    breaks("- {name: order", twice, &at(3, ""), "stands here twice");
}

#[test]
fn a_parameter_is_no_reference() {
    let text = GOOD
        .replacen("- {name: order, in: query, description: The order., schema: {$ref: '#/components/schemas/Order'}}", "- {$ref: '#/components/parameters/Order'}", 1)
        .replacen("components:\n", "components:\n  parameters: {Order: {name: order, in: query, schema: {$ref: '#/components/schemas/Order'}}}\n", 1);
    let found = findings(&text);
    assert!(
        found
            .iter()
            .any(|finding| finding.message.contains("does not resolve references")),
        "{found:#?}"
    );
}

#[test]
fn headers_have_twins() {
    let at = format!("{OPERATION}/parameters/1/x-twin");
    breaks(" x-twin: if_match,", "", &at, "a GPT cannot send headers");
    breaks(
        "x-twin: if_match",
        "x-twin: missing",
        &at,
        "a GPT cannot send headers",
    );
    let query = GOOD.replacen("x-twin: if_match", "x-twin: order", 1);
    assert_eq!(findings(&query), []);
    breaks(
        "name: If-Match",
        "name: Accept",
        &format!("{OPERATION}/parameters/1"),
        "OpenAPI ignores",
    );
}

#[test]
fn request_bodies() {
    let at = |rest: &str| format!("{OPERATION}/requestBody{rest}");
    breaks("        required: true\n", "", &at(""), "required: true");
    breaks(
        "content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}\n      responses",
        "content: {text/plain: {schema: {$ref: '#/components/schemas/Note'}}}\n      responses",
        &at("/content"),
        "must be application/json",
    );
    breaks(
        "content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}\n      responses",
        "content: {application/json: {schema: {type: string}}}\n      responses",
        &at("/content/application~1json/schema"),
        "must be a `$ref`",
    );
    breaks(
        "    Note:\n      type: object",
        "    Note:\n      type: array",
        "/components/schemas/Note",
        "one object with properties",
    );
    breaks(
        "    put:\n",
        "    delete:\n",
        "/paths/~1v1~1notes~1{id}/delete/requestBody",
        "no body with this method",
    );
}

#[test]
fn responses() {
    let at = |rest: &str| format!("{OPERATION}/responses{rest}");
    breaks(
        "        default:\n",
        "        '500':\n",
        &at(""),
        "add `default`",
    );
    breaks(
        "application/problem+json",
        "application/json",
        &at("/default/content"),
        "application/problem+json",
    );
    breaks(
        "'#/components/schemas/Problem'",
        "'#/components/schemas/Note'",
        &at("/default/content"),
        "component Problem",
    );
    breaks(
        "        '200':\n",
        "        '302':\n",
        &at(""),
        "must have the same body",
    );
    breaks(
        "        '200':\n",
        "        '201': {description: Made.}\n        '200':\n",
        &at(""),
        "must have the same body",
    );
    breaks(
        "        '200':\n",
        "        2XX:\n",
        &at("/2XX"),
        "one by one",
    );
    breaks(
        "        '200':\n",
        "        ok: {description: d}\n        '200':\n",
        &at("/ok"),
        "is no status",
    );
    breaks(
        "description: The note.",
        "description: ''",
        &at("/200/description"),
        "describe the answer",
    );
    breaks(
        "ETag: {description: The tag., schema: {type: string}}",
        "ETag: {description: The tag., schema: {$ref: '#/components/schemas/Order'}}",
        &at("/200/headers/ETag/schema"),
        "loses references",
    );
    breaks(
        "          content: {application/json:",
        "          content: {text/csv:",
        &at("/200/content"),
        "application/json and nothing else",
    );
}

#[test]
fn schemas() {
    let at = |rest: &str| format!("/components/schemas/Note/properties{rest}");
    let text = |schema: &str| format!("text: {schema}");
    let from = "text: {type: string, description: The text.}";
    let cases = [
        (
            "{type: [string, integer], format: int32, description: d}",
            "/text/type",
            "one type",
        ),
        (
            "{type: integer, description: d}",
            "/text/format",
            "int32 or int64",
        ),
        (
            "{type: array, description: d}",
            "/text",
            "what its `items` are",
        ),
        (
            "{oneOf: [{type: string}], description: d}",
            "/text/oneOf",
            "optional properties",
        ),
        (
            "{type: string, enum: [a], description: d}",
            "/text",
            "make it a component",
        ),
        (
            "{type: string, enum: [a, a], description: d}",
            "/text/enum",
            "different texts",
        ),
        ("{type: string}", "/text", "describe the property"),
        (
            "{type: object, description: d}",
            "/text",
            "missing properties",
        ),
        (
            "{type: object, properties: {}, description: d}",
            "/text",
            "free-form object",
        ),
        (
            "{type: string, contentMediaType: application/octet-stream, maxLength: 1, description: d}",
            "/text",
            "a binary body",
        ),
    ];
    for (schema, pointer, words) in cases {
        breaks(from, &text(schema), &at(pointer), words);
    }
}

#[test]
fn components_in_requests_are_closed() {
    breaks(
        "      additionalProperties: false\n",
        "",
        "/components/schemas/Note",
        "misspelt",
    );
}

#[test]
fn required_properties_exist() {
    breaks(
        "required: [status]",
        "required: [title]",
        "/components/schemas/Problem/required",
        "`title`",
    );
}

#[test]
fn plain_types_are_no_components() {
    breaks(
        "Order: {type: string, enum: [asc, desc]}",
        "Order: {type: string}",
        "/components/schemas/Order",
        "where it is used",
    );
}

#[test]
fn what_cannot_be_lowered_is_found_too() {
    let schema = "{type: string, contentEncoding: base32, description: d}";
    let at = "/components/schemas/Note/properties/text";
    breaks(
        "{type: string, description: The text.}",
        schema,
        at,
        "3.0.3 form",
    );
}
