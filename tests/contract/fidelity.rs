//! Documents come back as they went in: every digit, every character; what cannot is refused. The
//! same on both databases.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::support::actor::Gpt;
use crate::support::answer::Answer;
use crate::support::app::App;

const MIB: usize = 1 << 20;

/// An object whose document is kept as the text that came.
#[derive(Deserialize)]
struct Stored {
    body: Box<RawValue>,
}

/// A page of such objects.
#[derive(Deserialize)]
struct Page {
    items: Vec<Stored>,
}

fn document_of(answer: &Answer) -> String {
    let stored: Stored = serde_json::from_str(answer.text()).unwrap();
    stored.body.get().to_owned()
}

/// Creates an object of the JSON text `document`, spliced into the request as it is.
async fn create(gpt: &Gpt, document: &str) -> Answer {
    gpt.create_object("notes", json!({}))
        .bytes(format!("{{\"body\":{document}}}"))
        .await
}

/// The same through the twin `body_json`.
async fn create_from_text(gpt: &Gpt, document: &str) -> Answer {
    gpt.create_object("notes", json!({}))
        .without("body")
        .member("body_json", document)
        .await
}

/// Documents, and the text that they are kept as.
fn kept() -> Vec<(String, String)> {
    let same = |text: &str| (text.to_owned(), text.to_owned());
    let digits = "1234567890".repeat(40);
    let nested = |depth: usize| "{\"a\":".repeat(depth - 1) + "{}" + &"}".repeat(depth - 1);
    let arrays = |depth: usize| {
        format!(
            "{{\"a\":{}{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    let rewritten = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    vec![
        same(r#"{}"#),
        same(r#"{"n":18446744073709551617}"#),
        same(r#"{"n":-340282366920938463463374607431768211457}"#),
        same(&format!("{{\"n\":{digits}}}")),
        same(&format!("{{\"n\":0.{digits}}}")),
        same(r#"{"n":1}"#),
        same(r#"{"n":1.0}"#),
        same(r#"{"n":1.00}"#),
        same(r#"{"n":0.1}"#),
        same(r#"{"n":9007199254740993}"#),
        rewritten(r#"{"n":1e400}"#, &format!("{{\"n\":1{}}}", "0".repeat(400))),
        rewritten(r#"{"n":1e2}"#, r#"{"n":100}"#),
        rewritten(r#"{"n":1E-2}"#, r#"{"n":0.01}"#),
        rewritten(r#"{"n":1.50e1}"#, r#"{"n":15.0}"#),
        rewritten(r#"{"n":-0}"#, r#"{"n":0}"#),
        rewritten(r#"{"n":-0.0}"#, r#"{"n":0.0}"#),
        rewritten(r#"{"n":0e-5}"#, r#"{"n":0.00000}"#),
        rewritten(r#"{"n":123e-2}"#, r#"{"n":1.23}"#),
        same(
            r#"{"s":"größe 😀 e\u0301 \\ \" \b\f\n\r\t\u001f"}"#
                .replace("\\u0301", "\u{301}")
                .as_str(),
        ),
        rewritten(r#"{"s":"\u00e9\ud83d\ude00\/\u0041"}"#, r#"{"s":"é😀/A"}"#),
        rewritten(r#"{"s":"\u001F\u0008"}"#, r#"{"s":"\u001f\b"}"#),
        same("{\"s\":\"\u{7f}\u{85}\u{2028}\u{fffd}\u{fffe}\u{10ffff}\"}"),
        same(r#"{"s":"<script>'&$1 -- %00 \\u0000"}"#),
        same(r#"{"":{"":[]}}"#),
        same(r#"{"a b":1,"a\"b":2,"ключ":3,"😀😀😀":4}"#),
        rewritten(r#"{"b":1,"a":2,"b":3}"#, r#"{"a":2,"b":3}"#),
        rewritten(r#"{"\u0061":1,"a":2}"#, r#"{"a":2}"#),
        rewritten(
            r#" { "bb" : [ 1 , null ] , "a" : true } "#,
            r#"{"a":true,"bb":[1,null]}"#,
        ),
        rewritten(r#"{"é":1,"zz":2,"z":3}"#, r#"{"z":3,"zz":2,"é":1}"#),
        same(r#"{"__proto__":1,"constructor":{"prototype":null}}"#),
        same(r#"{"$serde_json::private::Number":"1"}"#),
        same(r#"{"$serde_json::private::RawValue":"[1]"}"#),
        same(&nested(64)),
        same(&arrays(64)),
    ]
}

on_both!(documents_are_kept_to_the_letter);
async fn documents_are_kept_to_the_letter(app: App) {
    let gpt = app.gpt_with_notes().await;
    for (sent, text) in kept() {
        let created = create(&gpt, &sent).await.expect(201);
        assert_eq!(document_of(&created), text, "{sent}");
        let id = created.string("id");
        assert_eq!(document_of(&gpt.get_object(&id).await), text, "{sent}");
        let merge = gpt.patch_object(&id, json!({ "merged": null }));
        assert_eq!(
            document_of(&merge.await.expect(200)),
            text,
            "merged: {sent}"
        );
    }
}

on_both!(documents_of_batches_and_pages_are_kept_to_the_letter);
async fn documents_of_batches_and_pages_are_kept_to_the_letter(app: App) {
    let gpt = app.gpt_with_notes().await;
    let as_text = |sent: &str| json!({ "op": "create", "body_json": sent }).to_string();
    let operations: Vec<_> = kept()
        .iter()
        .flat_map(|(sent, _)| {
            [
                format!("{{\"op\":\"create\",\"body\":{sent}}}"),
                as_text(sent),
            ]
        })
        .collect();
    let batch = format!("{{\"operations\":[{}]}}", operations.join(","));
    gpt.batch_objects("notes", json!([]))
        .bytes(batch)
        .await
        .expect(200);
    let list = gpt
        .list_objects("notes")
        .query("order", "asc")
        .query("limit", 200);
    let page = list.query("max_bytes", 1_000_000).await.expect(200);
    let page: Page = serde_json::from_str(page.text()).unwrap();
    let listed: Vec<_> = page.items.iter().map(|item| item.body.get()).collect();
    let expected = kept();
    let expected: Vec<_> = expected
        .iter()
        .flat_map(|(_, text)| [text.as_str(), text])
        .collect();
    assert_eq!(listed, expected);
}

/// Documents that are refused, and as what.
fn refused() -> Vec<(String, &'static str)> {
    let nested = |depth: usize| "{\"a\":".repeat(depth - 1) + "{}" + &"}".repeat(depth - 1);
    let document = |text: &str| text.to_owned();
    vec![
        (document(r#"{"s":"\u0000"}"#), "invalid-document"),
        (document(r#"{"\u0000":1}"#), "invalid-document"),
        (document(r#"{"s":"\ud800"}"#), "invalid-document"),
        (document(r#"{"s":"\udc00\ud800"}"#), "invalid-document"),
        (document(r#"{"s":"\ud83dx"}"#), "invalid-document"),
        (document(r#"{"\ud800":1}"#), "invalid-document"),
        (document(r#"{"n":1e131072}"#), "invalid-document"),
        (document(r#"{"n":1e-16384}"#), "invalid-document"),
        (
            document(r#"{"n":1e999999999999999999999}"#),
            "invalid-document",
        ),
        (nested(65), "invalid-document"),
        (
            format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100)),
            "invalid-document",
        ),
        (document(r#"{"n":01}"#), "malformed-json"),
        (document(r#"{"n":1.}"#), "malformed-json"),
        (document(r#"{"n":+1}"#), "malformed-json"),
        (document(r#"{"n":NaN}"#), "malformed-json"),
        (document(r#"{"s":"\x41"}"#), "malformed-json"),
        (document(r#"{"s":"\u00"}"#), "malformed-json"),
        (document("{\"s\":\"\t\"}"), "malformed-json"),
        (document("{\"s\":\"\u{0}\"}"), "malformed-json"),
        (document(r#"{"a":1,}"#), "malformed-json"),
        (document(r#"{"a":[1 2]}"#), "malformed-json"),
        (document(r#"{a:1}"#), "malformed-json"),
        (document(r#"{"a":1}}"#), "malformed-json"),
        (document(r#"{"a":/**/1}"#), "malformed-json"),
        (document(r#"{"a":"#), "malformed-json"),
    ]
}

on_both!(what_cannot_be_kept_is_refused);
async fn what_cannot_be_kept_is_refused(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    for (document, code) in refused() {
        create(&gpt, &document).await.expect(400).problem(code);
        create_from_text(&gpt, &document)
            .await
            .refuses_under("/body_json")
            .problem(code);
        let patch = gpt.patch_object(&id, json!({}));
        let patch = patch.bytes(format!("{{\"body\":{document}}}"));
        patch.await.expect(400).problem(code);
    }
    // Not even a hundred thousand levels do harm.
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!(
            "{{\"a\":{}1{}}}",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        create(&gpt, &deep).await.expect(400);
    }
    assert_eq!(gpt.get_object(&id).await.number("version"), 1);
    assert_eq!(gpt.walk(|| gpt.list_objects("notes")).await, [id]);
}

on_both!(bytes_that_are_no_text_are_refused);
async fn bytes_that_are_no_text_are_refused(app: App) {
    let gpt = app.gpt_with_notes().await;
    for bytes in [
        &b"{\"body\":{\"s\":\"\xff\"}}"[..],
        b"{\"body\":{\"\xc3\x28\":1}}",
        b"{\"body\":{\"s\":\"\xed\xa0\x80\"}}",
        b"{\"body\":{\"s\":\"\xc0\x80\"}}",
        b"{\"body_json\":\"\xff\"}",
        b"\xef\xbb\xbf{\"body\":{}}",
        b"\xff\xfe{\x00}\x00",
        b"\x00",
    ] {
        gpt.create_object("notes", json!({}))
            .bytes(bytes)
            .await
            .expect(400)
            .problem("malformed-json");
    }
    assert_eq!(gpt.list_objects("notes").await.items().len(), 0);
}

on_both!(a_document_has_one_mebibyte_and_no_byte_more);
async fn a_document_has_one_mebibyte_and_no_byte_more(app: App) {
    let gpt = app.gpt_with_notes().await;
    let of_size = |size: usize| {
        format!(
            "{{\"text\":\"{}\"}}",
            "x".repeat(size - "{\"text\":\"\"}".len())
        )
    };
    let whole = of_size(MIB);
    assert_eq!(document_of(&create(&gpt, &whole).await.expect(201)), whole);
    create(&gpt, &of_size(MIB + 1))
        .await
        .expect(413)
        .problem("payload-too-large");
    create_from_text(&gpt, &whole).await.expect(201);
    let over = create_from_text(&gpt, &of_size(MIB + 1)).await;
    assert!([400, 413].contains(&over.status()), "{over}");
    // The limit is on the document, not on how it was spelled.
    let blanks = format!("{}{}", " ".repeat(MIB), of_size(1000));
    create(&gpt, &blanks).await.expect(201);
    let digits = "{\"n\":[1e100000,1e100000,1e100000,1e100000,1e100000,1e100000,1e100000,1e100000,1e100000,1e100000,1e100000]}";
    create(&gpt, digits)
        .await
        .expect(413)
        .problem("payload-too-large");
}

#[tokio::test]
async fn both_databases_give_the_same_answers() {
    let (sqlite, postgres) = (App::sqlite().await, App::postgres().await);
    let (sqlite, postgres) = (
        sqlite.gpt_with_notes().await,
        postgres.gpt_with_notes().await,
    );
    let documents = kept().into_iter().map(|(sent, _)| sent);
    for document in documents.chain(refused().into_iter().map(|(document, _)| document)) {
        let (one, other) = (
            create(&sqlite, &document).await,
            create(&postgres, &document).await,
        );
        assert_eq!(anonymous(&one), anonymous(&other), "{document}");
    }
    let list = |gpt: &Gpt| {
        gpt.list_objects("notes")
            .query("limit", 200)
            .query("max_bytes", 1_000_000)
    };
    let (one, other) = (list(&sqlite).await, list(&postgres).await);
    let documents = |page: &Answer| {
        page.items()
            .iter()
            .map(|item| item["body"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(documents(&one), documents(&other));
}

/// The answer byte for byte, without what is its own: ids, times, the request and the GPT.
fn anonymous(answer: &Answer) -> (u16, String) {
    let mut text = answer.text().to_owned();
    for own in [
        "id",
        "created_at",
        "updated_at",
        "request_id",
        "instance",
        "type",
    ] {
        if let Value::String(value) = &answer[own] {
            text = text.replace(value, own);
        }
    }
    (answer.status(), text)
}
