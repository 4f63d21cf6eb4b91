//! `list_collections`: a page at a time, both ways.

use serde_json::Value;

use crate::support::actor::ids;
use crate::support::app::App;

on_both!(lists_newest_first_page_by_page);
async fn lists_newest_first_page_by_page(app: App) {
    let gpt = app.gpt().await;
    let empty = gpt.list_collections().await.expect(200);
    assert_eq!(
        (empty.items().len(), &empty["next_cursor"]),
        (0, &Value::Null)
    );
    assert_eq!(empty.header("link"), None);

    let mut oldest_first = Vec::new();
    for name in ["c", "a", "e", "b", "d"] {
        oldest_first.push(gpt.upsert_collection(name).await.expect(201).string("id"));
    }
    app.gpt()
        .await
        .upsert_collection("foreign")
        .await
        .expect(201);
    let newest_first: Vec<_> = oldest_first.iter().rev().cloned().collect();
    assert_eq!(ids(gpt.list_collections().await.items()), newest_first);
    assert_eq!(
        gpt.walk(|| gpt.list_collections().query("limit", 2)).await,
        newest_first
    );
    let ascending = || {
        gpt.list_collections()
            .query("limit", 2)
            .query("order", "asc")
    };
    assert_eq!(gpt.walk(ascending).await, oldest_first);
}

on_both!(links_lead_both_ways);
async fn links_lead_both_ways(app: App) {
    let gpt = app.gpt().await;
    for name in ["a", "b", "c", "d", "e"] {
        gpt.upsert_collection(name).await.expect(201);
    }
    let first = gpt.list_collections().query("limit", 2).await.expect(200);
    assert_eq!(first.link("prev"), None);
    let second = gpt
        .call(reqwest::Method::GET, first.link("next").unwrap())
        .await
        .expect(200);
    let third = gpt
        .call(reqwest::Method::GET, second.link("next").unwrap())
        .await
        .expect(200);
    assert_eq!((third.items().len(), third.link("next")), (1, None));
    assert_eq!(third["has_more"], false);
    let back = gpt
        .call(reqwest::Method::GET, third.link("prev").unwrap())
        .await
        .expect(200);
    assert_eq!(back.items(), second.items());
    let back = gpt
        .call(reqwest::Method::GET, back.link("prev").unwrap())
        .await
        .expect(200);
    assert_eq!((back.items(), back.link("prev")), (first.items(), None));
}

on_both!(refuses_other_parameters);
async fn refuses_other_parameters(app: App) {
    let gpt = app.gpt().await;
    for limit in ["0", "201", "-1", "1.5", "ten", "", "99999999999"] {
        gpt.list_collections()
            .query("limit", limit)
            .await
            .refuses("limit")
            .problem("invalid-request");
    }
    gpt.list_collections().query("limit", 200).await.expect(200);
    gpt.list_collections()
        .query("limit", 1)
        .query("limit", 2)
        .await
        .refuses("limit");
    gpt.list_collections()
        .query("order", "up")
        .await
        .refuses("order");
    gpt.list_collections()
        .query("filter", "{}")
        .await
        .refuses("filter");
    let two = gpt
        .list_collections()
        .query("limit", 0)
        .query("order", "up")
        .await;
    let two = two.refuses("limit").refuses("order");
    assert_eq!(
        two["errors"].as_array().unwrap().len(),
        2,
        "every fault is named at once"
    );
}
