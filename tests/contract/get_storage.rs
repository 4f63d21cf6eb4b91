//! `get_storage`: snapshots of namespaces.

use serde_json::json;

use crate::support::app::App;

on_every_storage!(what_was_never_written_is_empty_with_version_0);
async fn what_was_never_written_is_empty_with_version_0(app: App) {
    let gpt = app.gpt().await;
    let empty = gpt.get_storage("smoke").await.expect(200);
    assert_eq!(empty.text(), "{}");
    assert_eq!(empty.header("etag").as_deref(), Some("\"0\""));
    assert!(empty.header("x-storage-backend").is_some());
    let exposed = empty.header("access-control-expose-headers");
    assert_eq!(exposed.as_deref(), Some("ETag, X-Storage-Backend"));
    let envelope = gpt
        .get_storage("smoke")
        .query("view", "envelope")
        .await
        .expect(200);
    assert_eq!(
        *envelope.json(),
        json!({
            "version": 0, "updated_by": null, "updated_at": null, "snapshot": {},
            "has_more": false, "next_after": null,
        })
    );
}

on_every_storage!(answers_the_snapshot_to_the_letter);
async fn answers_the_snapshot_to_the_letter(app: App) {
    let gpt = app.gpt().await;
    let operations = r#"[
        {"op":"set","key":"b","value":{"z":18446744073709551617,"a":1.0}},
        {"op":"set","key":"a","value":1e400},
        {"op":"set","key":"é","value":"\u00e9\n"},
        {"op":"set","key":"A","value":null}
    ]"#;
    let digits = format!("1{}", "0".repeat(400));
    let snapshot =
        format!(r#"{{"A":null,"a":{digits},"b":{{"a":1.0,"z":18446744073709551617}},"é":"é\n"}}"#);
    let call = gpt.patch_storage("smoke", 0, &json!([])).bytes(operations);
    let created = call.await.expect(201);
    assert_eq!(created.text(), snapshot);
    let read = gpt.get_storage("smoke").await.expect(200);
    assert_eq!(read.text(), snapshot);
    assert_eq!(read.header("etag").as_deref(), Some("\"1\""));
    assert_eq!(
        read.header("content-type").as_deref(),
        Some("application/json")
    );
}

on_every_storage!(a_copy_that_is_still_good_is_not_sent_again);
async fn a_copy_that_is_still_good_is_not_sent_again(app: App) {
    let gpt = app.gpt().await;
    let read = || gpt.get_storage("smoke");
    read().header("if-none-match", "\"0\"").await.expect(304);
    gpt.patch_storage(
        "smoke",
        0,
        &json!([{ "op": "set", "key": "a", "value": 1 }]),
    )
    .await
    .expect(201);
    for good in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
        let unchanged = read().header("if-none-match", good).await.expect(304);
        assert_eq!(unchanged.text(), "", "{good}");
        assert_eq!(unchanged.header("etag").as_deref(), Some("\"1\""));
    }
    read().query("if_none_match", "1").await.expect(304);
    read().header("if-none-match", "\"0\"").await.expect(200);
}

on_every_storage!(an_envelope_is_read_part_by_part);
async fn an_envelope_is_read_part_by_part(app: App) {
    let gpt = app.gpt().await;
    let value = "x".repeat(290);
    let operations: Vec<_> = (0..10)
        .map(|n| json!({ "op": "set", "key": format!("k{n}"), "value": value }))
        .chain([json!({ "op": "set", "key": "k4", "value": "x".repeat(2000) })])
        .collect();
    let created = gpt
        .patch_storage("smoke", 0, &operations.into())
        .await
        .expect(201);
    let (mut keys, mut parts, mut after) = (Vec::new(), Vec::new(), String::new());
    loop {
        let part = gpt
            .get_storage("smoke")
            .query("view", "envelope")
            .query("after", &after)
            .query("max_bytes", 1000)
            .await
            .expect(200);
        let snapshot = part["snapshot"].as_object().unwrap();
        parts.push(snapshot.len());
        keys.extend(snapshot.keys().cloned());
        assert_eq!(part.number("version"), 1);
        assert_eq!(part["updated_by"], "test");
        assert_eq!(part["has_more"], !part["next_after"].is_null());
        match part["next_after"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    let all: Vec<_> = created
        .json()
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(keys, all, "every key once, in order");
    assert_eq!(parts, [3, 1, 1, 3, 2], "k4 alone is larger than a part");
    let past = gpt
        .get_storage("smoke")
        .query("view", "envelope")
        .query("after", "k9");
    assert_eq!(past.await.expect(200)["snapshot"], json!({}));
}

on_every_storage!(refuses_other_parameters);
async fn refuses_other_parameters(app: App) {
    let gpt = app.gpt().await;
    gpt.get_storage("smoke")
        .query("after", "a")
        .await
        .refuses("after");
    gpt.get_storage("smoke")
        .query("max_bytes", 1000)
        .await
        .refuses("max_bytes");
    gpt.get_storage("smoke")
        .query("view", "minimal")
        .await
        .refuses("view");
    gpt.get_storage("smoke")
        .query("colour", "red")
        .await
        .refuses("colour");
    let long = "n".repeat(129);
    let slashes = "n".repeat(10_000);
    for hostile in [
        "",
        "a/b",
        "../a",
        ".",
        "..",
        ".a",
        "a%2fb",
        "a b",
        "a\u{0}",
        "\u{202e}a",
        "é",
        &long,
        &slashes,
    ] {
        gpt.get_storage(hostile).await.refuses("ns");
    }
    gpt.get_storage(&"n".repeat(128)).await.expect(200);
}

on_every_storage!(a_namespace_belongs_to_its_gpt);
async fn a_namespace_belongs_to_its_gpt(app: App) {
    let (gpt, stranger) = (app.gpt().await, app.gpt().await);
    let secret = json!([{ "op": "set", "key": "secret", "value": 1 }]);
    gpt.patch_storage("shared", 0, &secret).await.expect(201);
    let other = stranger.get_storage("shared").await.expect(200);
    assert_eq!(
        (other.text(), other.header("etag").as_deref()),
        ("{}", Some("\"0\""))
    );
    stranger
        .patch_storage("shared", 0, &json!([{ "op": "del", "key": "secret" }]))
        .await
        .expect(201);
    assert_eq!(gpt.get_storage("shared").await.text(), r#"{"secret":1}"#);
}
