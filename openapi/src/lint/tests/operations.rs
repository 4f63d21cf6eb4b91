//! Rules of the document and its operations.

use super::{GOOD, OPERATION, breaks, findings};

#[test]
fn version_and_info() {
    breaks(
        "openapi: 3.1.0",
        "openapi: 3.1.1",
        "/openapi",
        "3.1.0 exactly",
    );
    breaks(
        ", description: d}\nservers",
        "}\nservers",
        "/info",
        "state `description`",
    );
}

#[test]
fn servers() {
    let two = "[{url: https://a.example}, {url: https://b.example}]";
    breaks(
        "[{url: https://store.example}]",
        two,
        "/servers",
        "exactly one server",
    );
    for url in [
        "https://store.example/",
        "https://Store.example",
        "/v1",
        "'https://{host}'",
    ] {
        breaks(
            "https://store.example",
            url,
            "/servers/0/url",
            "lower-case host",
        );
    }
}

#[test]
fn the_size_is_bounded() {
    let long = format!("description: {}", "d".repeat(800_000));
    breaks(
        "description: d}",
        &format!("{long}}}"),
        "",
        "more than 800000",
    );
}

#[test]
fn at_most_thirty_operations() {
    let (head, rest) = GOOD.split_once("  /v1/notes/{id}:\n").unwrap();
    let (item, tail) = rest.split_once("components:\n").unwrap();
    let many: String = (0..31)
        .map(|n| {
            let id = format!("put_note_{n}");
            format!("  /v{n}/notes/{{id}}:\n{}", item.replace("put_note", &id))
        })
        .collect();
    let found = findings(&format!("{head}{many}components:\n{tail}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].message.contains("has 31 operations"),
        "{}",
        found[0]
    );
}

#[test]
fn path_items_have_methods_only() {
    let at = "/paths/~1v1~1notes~1{id}/summary";
    breaks(
        "    put:\n",
        "    summary: s\n    put:\n",
        at,
        "takes `summary` for a method",
    );
    let head = "/paths/~1v1~1notes~1{id}/head";
    breaks("    put:\n", "    head:\n", head, "skips paths with `head`");
    breaks(
        "/v1/notes/{id}:",
        "/v1/notes/{id}:go:",
        "/paths/~1v1~1notes~1{id}:go",
        "whole segments",
    );
    breaks(
        "/v1/notes/{id}:",
        "/v1/notes/{id}/:",
        "/paths/~1v1~1notes~1{id}~1",
        "not end with one",
    );
}

#[test]
fn components_are_schemas_in_use() {
    let unused = "schemas:\n    Other: {type: string, enum: [a]}\n";
    breaks(
        "schemas:\n",
        unused,
        "/components/schemas/Other",
        "nothing uses",
    );
    let responses = "components:\n  responses: {}\n";
    breaks(
        "components:\n",
        responses,
        "/components/responses",
        "where they are used",
    );
}

#[test]
fn security_schemes() {
    let two = "security: [{key: []}, {other: []}]";
    breaks(
        "security: [{key: []}]",
        two,
        "/security",
        "require 2 security schemes",
    );
    let at = "/components/securitySchemes/key";
    breaks("{key: {type: http, scheme: bearer}}", "{}", at, "define it");
}

#[test]
fn operation_ids() {
    let at = format!("{OPERATION}/operationId");
    for id in ["putNote", "''", "9notes", &"a".repeat(65)] {
        breaks("put_note", id, &at, "lower-case letters");
    }
    let twice = "  /v1/again:\n    post:\n      operationId: put_note\n  /v1/notes/{id}:\n";
    let text = GOOD.replacen("  /v1/notes/{id}:\n", twice, 1);
    assert!(
        findings(&text)
            .iter()
            .any(|finding| finding.message.contains("names two operations"))
    );
}

#[test]
fn texts_of_operations() {
    let long = format!("description: {}", "é".repeat(301));
    let at = format!("{OPERATION}/description");
    breaks("description: Puts it.", &long, &at, "has 301 characters");
    breaks(
        "      description: Puts it.\n",
        "",
        &at,
        "write a description",
    );
    breaks(
        "      summary: Put a note\n",
        "",
        &format!("{OPERATION}/summary"),
        "write a summary",
    );
}

#[test]
fn tags() {
    let at = format!("{OPERATION}/tags");
    breaks("tags: [notes]", "tags: []", &at, "exactly one tag");
    breaks(
        "tags: [notes]",
        "tags: [files]",
        &at,
        "declare the tag `files`",
    );
    breaks(
        ", description: Notes.",
        "",
        "/tags/0",
        "name and description",
    );
}

#[test]
fn scopes() {
    let at = format!("{OPERATION}/x-required-scope");
    breaks(
        "      x-required-scope: objects:write\n",
        "",
        &at,
        "state the scope",
    );
    breaks("objects:write", "objects:all", &at, "state the scope");
    breaks(
        "      tags: [notes]\n",
        "      tags: [notes]\n      security: []\n",
        &at,
        "remove the scope",
    );
}

#[test]
fn consequences() {
    let at = format!("{OPERATION}/x-openai-isConsequential");
    breaks(
        "      x-openai-isConsequential: false\n",
        "",
        &at,
        "whether a GPT must ask",
    );
    breaks(
        "isConsequential: false",
        "isConsequential: 'no'",
        &at,
        "true or false",
    );
}

#[test]
fn operations_have_no_servers() {
    let servers = "      servers: []\n      tags: [notes]\n";
    breaks(
        "      tags: [notes]\n",
        servers,
        &format!("{OPERATION}/servers"),
        "one server",
    );
}
