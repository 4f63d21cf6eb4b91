//! Rules of forms and bytes.

use super::{GOOD, OPERATION, breaks, findings};

const JSON_BODY: &str =
    "content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}\n      responses";
const JSON_ANSWER: &str = "          content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}\n        default";
const BINARY: &str = "{type: string, contentMediaType: application/octet-stream}";
const FORM: &str = "    NoteForm:
      type: object
      required: [file]
      additionalProperties: false
      properties:
        file: {type: string, contentMediaType: application/octet-stream, description: The bytes.}
        title: {type: string, description: The title.}
        if_match: {type: string, description: The version.}
    Problem:
";

/// The good document whose operation takes a form, `beside` other media types.
fn with_form(form: &str, beside: &str) -> String {
    let content = format!(
        "content: {{multipart/form-data: {{schema: {{$ref: '#/components/schemas/NoteForm'}}}}{beside}}}\n      responses"
    );
    GOOD.replacen(JSON_BODY, &content, 1)
        .replacen("    Problem:\n", form, 1)
}

const BESIDE_JSON: &str = ", application/json: {schema: {$ref: '#/components/schemas/Note'}}";

fn not_for_gpts(document: &str) -> String {
    document.replacen(
        "      tags: [notes]\n",
        "      tags: [notes]\n      x-not-for-gpts: It is a form.\n",
        1,
    )
}

#[track_caller]
fn finds(document: &str, at: &str, words: &str) {
    let found = findings(document);
    let is_it = |finding: &crate::Finding| finding.pointer == at && finding.message.contains(words);
    assert!(found.iter().any(is_it), "nothing at {at} in {found:#?}");
}

#[test]
fn a_form_alone_is_not_for_gpts() {
    let at = format!("{OPERATION}/x-not-for-gpts");
    let alone = with_form(FORM, "");
    finds(&alone, &at, "they send JSON only");
    assert_eq!(findings(&not_for_gpts(&alone)), []);
    let empty = not_for_gpts(&alone).replacen("It is a form.", "''", 1);
    finds(&empty, &at, "they send JSON only");
}

#[test]
fn what_takes_json_too_is_for_gpts() {
    let at = format!("{OPERATION}/x-not-for-gpts");
    let both = with_form(FORM, BESIDE_JSON);
    assert_eq!(findings(&both), []);
    finds(&not_for_gpts(&both), &at, "remove it");
    finds(&not_for_gpts(GOOD), &at, "remove it");
}

#[test]
fn a_form_has_one_file_that_is_required() {
    let at = "/components/schemas/NoteForm";
    let cases = [
        ("required: [file]", "required: [title]"),
        (
            "title: {type: string, description",
            "title: {type: string, contentMediaType: application/octet-stream, description",
        ),
        (
            "file: {type: string, contentMediaType: application/octet-stream,",
            "file: {type: string,",
        ),
    ];
    for (from, to) in cases {
        let document = with_form(&FORM.replacen(from, to, 1), BESIDE_JSON);
        finds(&document, at, "exactly one binary property");
    }
    let list = FORM.replacen(
        "title: {type: string,",
        "title: {type: array, items: {type: string},",
        1,
    );
    let document = with_form(&list, BESIDE_JSON);
    finds(
        &document,
        &format!("{at}/properties/title"),
        "a field of a form is text",
    );
}

#[test]
fn bytes_stand_alone_and_bare() {
    let bytes = |schema: &str| {
        let content =
            format!("content: {{application/octet-stream: {{schema: {schema}}}}}\n      responses");
        not_for_gpts(&GOOD.replacen(JSON_BODY, &content, 1)).replacen("if_match, d", "order, d", 1)
    };
    assert_eq!(findings(&bytes(BINARY)), []);
    let at = format!("{OPERATION}/requestBody/content/application~1octet-stream/schema");
    finds(&bytes("{type: string}"), &at, "must be exactly");
}

#[test]
fn json_has_no_bytes() {
    let at = format!("{OPERATION}/requestBody/content/application~1json/schema");
    breaks(
        "text: {type: string, description",
        "text: {type: string, contentMediaType: application/octet-stream, description",
        &at,
        "JSON has no bytes",
    );
}

#[test]
fn a_form_and_bytes_do_not_stand_together() {
    let beside = format!(", application/octet-stream: {{schema: {BINARY}}}");
    let document = not_for_gpts(&with_form(FORM, &beside));
    let at = format!("{OPERATION}/requestBody/content");
    finds(&document, &at, "and one of");
}

#[test]
fn an_answer_may_be_bytes_of_any_media_type() {
    let answer = |schema: &str| {
        let content =
            format!("          content: {{'*/*': {{schema: {schema}}}}}\n        default");
        assert!(GOOD.contains(JSON_ANSWER));
        GOOD.replacen(JSON_ANSWER, &content, 1)
    };
    assert_eq!(findings(&answer(BINARY)), []);
    let at = format!("{OPERATION}/responses/200/content/*~1*/schema");
    finds(&answer("{type: string}"), &at, "is bytes");
}
