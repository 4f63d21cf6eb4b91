//! Forms and bytes that are refused before anything is kept of them.

use reqwest::Method;
use serde_json::json;

use crate::support::actor::Gpt;
use crate::support::app::App;
use crate::support::http::Call;

const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nabc";
const PURPOSE: &str = "Content-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data";

fn post(gpt: &Gpt, content_type: &str, body: impl Into<Vec<u8>>) -> Call {
    gpt.call(Method::POST, "/v1/files")
        .header("content-type", content_type)
        .bytes(body)
}

/// `create_file` with a form of these parts.
fn form(gpt: &Gpt, parts: &[&str]) -> Call {
    let parts: String = parts
        .iter()
        .map(|part| format!("--X\r\n{part}\r\n"))
        .collect();
    post(
        gpt,
        "multipart/form-data; boundary=X",
        format!("{parts}--X--\r\n"),
    )
}

on_both!(each_fault_of_a_form_is_named);
async fn each_fault_of_a_form_is_named(app: App) {
    let gpt = app.gpt().await;
    form(&gpt, &[PURPOSE]).await.refuses("file");
    let nameless = "Content-Disposition: form-data; name=\"file\"\r\n\r\nabc";
    form(&gpt, &[PURPOSE, nameless]).await.refuses("file");
    let field = |name: &str, text: &str| {
        format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}")
    };
    for (name, text) in [
        ("colour", "red"),
        ("purpose", "user_data"),
        ("expires_in", "soon"),
        ("expires_in", "0"),
        ("expires_after[anchor]", "tomorrow"),
        ("expires_after[seconds]", "-1"),
    ] {
        let wrong = field(name, text);
        form(&gpt, &[PURPOSE, &wrong, FILE]).await.refuses(name);
    }
    let both = [
        field("expires_in", "60"),
        field("expires_after[anchor]", "created_at"),
        field("expires_after[seconds]", "60"),
    ];
    form(&gpt, &[PURPOSE, &both[0], &both[1], &both[2], FILE])
        .await
        .refuses("expires_after[seconds]");
}

on_both!(what_is_no_form_is_refused);
async fn what_is_no_form_is_refused(app: App) {
    let gpt = app.gpt().await;
    post(&gpt, "multipart/form-data", "x")
        .await
        .expect(400)
        .problem("malformed-form");
    post(&gpt, "multipart/form-data; boundary=X", "nothing of it")
        .await
        .expect(400)
        .problem("incomplete-body");
    let detail = post(&gpt, "text/plain", "abc")
        .await
        .expect(415)
        .problem("unsupported-media-type")
        .string("detail");
    assert!(
        detail.contains("application/json or multipart/form-data"),
        "{detail}"
    );
}

on_both!(json_has_its_content_in_one_way);
async fn json_has_its_content_in_one_way(app: App) {
    let gpt = app.gpt().await;
    let file = || {
        gpt.call(Method::POST, "/v1/files")
            .json(json!({ "filename": "a.txt", "purpose": "user_data" }))
    };
    file().await.refuses("/content");
    file()
        .member("content", "a")
        .member("content_base64", "YQ==")
        .await
        .refuses("/content_base64");
    file()
        .member("content_base64", "Y")
        .await
        .refuses("/content_base64");
    file()
        .member("content", "a")
        .member("expires_after", json!({ "anchor": "created_at" }))
        .await
        .refuses("/expires_after");
    file().without("purpose").await.refuses("");
    for (name, text) in [("filename", "a\u{0}.txt"), ("purpose", "user\u{0}data")] {
        let wrong = file().member("content", "a").member(name, text);
        wrong.await.refuses(&format!("/{name}"));
    }
}

on_both!(a_part_is_put_by_its_signed_url_only);
async fn a_part_is_put_by_its_signed_url_only(app: App) {
    let gpt = app.gpt().await;
    let put = |number: u32| {
        let parts = "/v1/uploads/upload_0198c2f47b1e7c339f0a3d5e2b1c4a60/parts";
        let call = gpt.call(Method::PUT, format!("{parts}/{number}"));
        call.bytes("abc")
    };
    let unsigned = put(1).await;
    assert!(unsigned.names("signature") && unsigned.names("expires"));
    put(0).await.refuses("part_number");
    put(10_001).await.refuses("part_number");
}
