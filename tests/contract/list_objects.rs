//! `list_objects`: order, bounds, times, and pages that end early.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::actor::ids;
use crate::support::app::App;

on_both!(lists_newest_first_or_oldest_first);
async fn lists_newest_first_or_oldest_first(app: App) {
    let gpt = app.gpt_with_notes().await;
    let empty = gpt.list_objects("notes").await.expect(200);
    assert_eq!(
        *empty.json(),
        json!({ "items": [], "next_cursor": null, "has_more": false })
    );
    assert_eq!(empty.header("link"), None);

    gpt.upsert_collection("other").await.expect(201);
    gpt.has_object("other", json!({})).await;
    let oldest_first = gpt.has_objects("notes", 5).await;
    let newest_first: Vec<_> = oldest_first.iter().rev().cloned().collect();
    assert_eq!(ids(gpt.list_objects("notes").await.items()), newest_first);
    assert_eq!(
        ids(gpt
            .list_objects("notes")
            .query("order", "desc")
            .await
            .items()),
        newest_first
    );
    assert_eq!(
        ids(gpt
            .list_objects("notes")
            .query("order", "asc")
            .await
            .items()),
        oldest_first
    );
    let first = gpt
        .list_objects("notes")
        .query("limit", 1)
        .await
        .expect(200);
    assert_eq!(
        first.items()[0],
        *gpt.get_object(&newest_first[0]).await.json()
    );

    // A change does not move an object.
    gpt.patch_object(&oldest_first[0], json!({ "changed": true }))
        .await
        .expect(200);
    assert_eq!(ids(gpt.list_objects("notes").await.items()), newest_first);
}

on_both!(pages_of_every_size_make_the_same_list);
async fn pages_of_every_size_make_the_same_list(app: App) {
    let gpt = app.gpt_with_notes().await;
    gpt.has_objects("notes", 7).await;
    let whole = ids(gpt.list_objects("notes").await.items());
    for limit in [1, 2, 3, 6, 7, 8, 200] {
        let pages = gpt
            .pages(|| gpt.list_objects("notes").query("limit", limit))
            .await;
        assert_eq!(
            ids(pages.iter().flat_map(|page| page.items())),
            whole,
            "limit {limit}"
        );
        assert_eq!(pages.len(), 7_usize.div_ceil(limit), "limit {limit}");
        for (index, page) in pages.iter().enumerate() {
            let is_last = index + 1 == pages.len();
            assert_eq!(
                (&page["has_more"], page.link("next").is_some()),
                (&json!(!is_last), !is_last)
            );
        }
    }
    // Fifty when nothing is asked for.
    gpt.has_many_objects("notes", 44).await;
    assert_eq!(gpt.list_objects("notes").await.items().len(), 50);
}

on_both!(links_lead_both_ways);
async fn links_lead_both_ways(app: App) {
    let gpt = app.gpt_with_notes().await;
    gpt.has_objects("notes", 7).await;
    let follow = |link: String| gpt.call(Method::GET, link);
    let first = gpt
        .list_objects("notes")
        .query("limit", 3)
        .query("order", "asc")
        .query("filter", "{}")
        .await;
    let mut pages = vec![first.expect(200)];
    assert_eq!(pages[0].link("prev"), None);
    while let Some(next) = pages.last().unwrap().link("next") {
        let page = follow(next).await.expect(200);
        pages.push(page);
    }
    assert_eq!(
        pages
            .iter()
            .map(|page| page.items().len())
            .collect::<Vec<_>>(),
        [3, 3, 1]
    );
    let mut back = pages.last().unwrap().clone();
    for page in pages.iter().rev().skip(1) {
        back = follow(back.link("prev").unwrap()).await.expect(200);
        assert_eq!(back.items(), page.items());
    }
    assert_eq!(back.link("prev"), None);
    // From a page that was reached backwards, the way forward is the same.
    let forward = follow(back.link("next").unwrap()).await.expect(200);
    assert_eq!(forward.items(), pages[1].items());
}

on_both!(created_after_and_before_exclude_their_moment);
async fn created_after_and_before_exclude_their_moment(app: App) {
    let gpt = app.gpt_with_notes().await;
    let all = gpt.has_objects("notes", 5).await;
    let time = async |id: &str| gpt.get_object(id).await.string("created_at");
    let (second, fourth) = (time(&all[1]).await, time(&all[3]).await);
    let list = || gpt.list_objects("notes").query("order", "asc");
    let after = list().query("created_after", &second).await.expect(200);
    assert_eq!(ids(after.items()), all[2..]);
    let before = list().query("created_before", &fourth).await.expect(200);
    assert_eq!(ids(before.items()), all[..3]);
    let between = || {
        list()
            .query("limit", 1)
            .query("created_after", &second)
            .query("created_before", &fourth)
    };
    assert_eq!(gpt.walk(between).await, all[2..3]);

    let offset = chrono::DateTime::parse_from_rfc3339(&second).unwrap();
    let offset = offset
        .with_timezone(&chrono::FixedOffset::east_opt(2 * 3600).unwrap())
        .to_rfc3339();
    assert_eq!(
        ids(list().query("created_after", offset).await.items()),
        all[2..]
    );
    for garbage in [
        "yesterday",
        "2026-01-31",
        "2026-13-01T00:00:00Z",
        "",
        "2026-01-31T12:00:00",
    ] {
        list()
            .query("created_after", garbage)
            .await
            .refuses("created_after")
            .problem("invalid-request");
        list()
            .query("created_before", garbage)
            .await
            .refuses("created_before");
    }
}

on_both!(a_page_ends_before_it_grows_over_max_bytes);
async fn a_page_ends_before_it_grows_over_max_bytes(app: App) {
    let gpt = app.gpt_with_notes().await;
    let operations: Vec<_> = (0..10)
        .map(|n| json!({ "op": "create", "body": { "n": n, "text": "x".repeat(1000) } }))
        .collect();
    gpt.batch_objects("notes", operations.into())
        .await
        .expect(200);
    let big = gpt
        .has_object("notes", json!({ "text": "x".repeat(20_000) }))
        .await;

    let pages = gpt
        .pages(|| gpt.list_objects("notes").query("max_bytes", 3500))
        .await;
    assert_eq!(
        ids(pages[0].items()),
        [big],
        "what is too big for a page comes alone"
    );
    for page in &pages[1..] {
        assert!(
            page.text().len() <= 3500 + 600,
            "a page of {} bytes",
            page.text().len()
        );
        assert!(
            page.items().len() >= 2,
            "a page with only {} objects",
            page.items().len()
        );
    }
    assert_eq!(
        pages.iter().map(|page| page.items().len()).sum::<usize>(),
        11
    );
    let one_by_one = gpt
        .pages(|| gpt.list_objects("notes").query("max_bytes", 1000))
        .await;
    assert_eq!(one_by_one.len(), 11);
    for bytes in ["999", "10000001", "0", "many"] {
        gpt.list_objects("notes")
            .query("max_bytes", bytes)
            .await
            .refuses("max_bytes");
    }
}

on_both!(a_page_fits_a_gpt_unless_more_is_asked_for);
async fn a_page_fits_a_gpt_unless_more_is_asked_for(app: App) {
    let gpt = app.gpt_with_notes().await;
    let operations: Vec<_> = (0..12)
        .map(|_| json!({ "op": "create", "body": { "text": "x".repeat(10_000) } }))
        .collect();
    gpt.batch_objects("notes", operations.into())
        .await
        .expect(200);
    let page = gpt.list_objects("notes").await.expect(200);
    assert!(
        page.text().len() < 100_000,
        "a GPT reads at most 100,000 characters, not {}",
        page.text().len()
    );
    assert_eq!(page["has_more"], true);
    let page = gpt
        .list_objects("notes")
        .query("max_bytes", 10_000_000)
        .await
        .expect(200);
    assert_eq!(
        (page.items().len(), &page["has_more"]),
        (12, &Value::Bool(false))
    );
}

on_both!(refuses_other_parameters);
async fn refuses_other_parameters(app: App) {
    let gpt = app.gpt_with_notes().await;
    let list = || gpt.list_objects("notes");
    for limit in ["0", "201", "-1", "1.0", "ten", ""] {
        list()
            .query("limit", limit)
            .await
            .refuses("limit")
            .problem("invalid-request");
    }
    list().query("order", "newest").await.refuses("order");
    list()
        .query("colour", "red")
        .await
        .refuses("colour")
        .problem("invalid-request");
    list().query("Limit", "1").await.refuses("Limit");
    list()
        .query("order", "asc")
        .query("order", "asc")
        .await
        .refuses("order");
    list()
        .query("filter", "x".repeat(8193))
        .await
        .refuses("filter");
    let named = list().query("lim", 1).await.refuses("lim");
    assert!(
        named["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("created_after"),
        "{named}"
    );
    gpt.list_objects("other")
        .await
        .expect(404)
        .problem("collection-not-found");
    gpt.list_objects("other")
        .query("limit", 0)
        .await
        .refuses("limit");
}
