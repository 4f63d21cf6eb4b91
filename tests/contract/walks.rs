//! Walks over pages while others write, and among equal times.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::json;

use crate::support::actor::ids;
use crate::support::app::App;

on_both!(what_stays_appears_exactly_once_in_order);
async fn what_stays_appears_exactly_once_in_order(app: App) {
    let gpt = app.gpt_with_notes().await;
    let all = gpt.has_many_objects("notes", 100).await;
    let (staying, leaving): (Vec<_>, Vec<_>) = all
        .iter()
        .enumerate()
        .partition(|(index, _)| index % 3 != 0);
    let staying: Vec<String> = staying.into_iter().map(|(_, id)| id.clone()).collect();
    let churn = async {
        for (_, id) in leaving {
            gpt.delete_object(id).await.expect(204);
            gpt.create_object("notes", json!({ "new": true }))
                .await
                .expect(201);
        }
    };
    let ascending = gpt.walk(|| {
        gpt.list_objects("notes")
            .query("limit", 7)
            .query("order", "asc")
    });
    let descending = gpt.walk(|| gpt.list_objects("notes").query("limit", 7));
    let ((), ascending, mut descending) = tokio::join!(churn, ascending, descending);
    descending.reverse();
    for walked in [ascending, descending] {
        let distinct: HashSet<_> = walked.iter().collect();
        assert_eq!(distinct.len(), walked.len(), "something appeared twice");
        let seen: Vec<_> = walked
            .into_iter()
            .filter(|id| staying.contains(id))
            .collect();
        assert_eq!(seen, staying);
    }
}

on_both!(a_thousand_equal_times_are_no_matter);
async fn a_thousand_equal_times_are_no_matter(app: App) {
    let gpt = app.gpt_with_notes().await;
    let mut all = gpt.has_many_objects("notes", 1000).await;
    let sql = "UPDATE objects SET created_at = (SELECT min(created_at) FROM objects WHERE gpt_id = $1) \
               WHERE gpt_id = $1";
    assert_eq!(app.database().await.execute(sql, gpt.id()).await, 1000);
    all.sort_unstable();
    let list = |order: &str, limit: usize| {
        gpt.list_objects("notes")
            .query("order", order)
            .query("limit", limit)
    };
    assert_eq!(gpt.walk(|| list("asc", 123)).await, all);
    let mut newest_first = gpt.walk(|| list("desc", 200)).await;
    newest_first.reverse();
    assert_eq!(newest_first, all);

    // The way back, too.
    let second = gpt
        .call(
            reqwest::Method::GET,
            list("asc", 100).await.link("next").unwrap(),
        )
        .await;
    let back = gpt
        .call(reqwest::Method::GET, second.link("prev").unwrap())
        .await;
    assert_eq!(ids(back.items()), all[..100]);
    assert_eq!(ids(second.items()), all[100..200]);
}

on_both!(a_walk_sees_what_one_batch_made_in_order);
async fn a_walk_sees_what_one_batch_made_in_order(app: App) {
    let gpt = app.gpt_with_notes().await;
    let batches = (0..4).map(|_| gpt.has_many_objects("notes", 25));
    let batches = join_all(batches).await;
    let walked = gpt
        .walk(|| {
            gpt.list_objects("notes")
                .query("order", "asc")
                .query("limit", 9)
        })
        .await;
    assert_eq!(walked.len(), 100);
    for batch in batches {
        let seen: Vec<_> = walked
            .iter()
            .filter(|id| batch.contains(id))
            .cloned()
            .collect();
        assert_eq!(seen, batch, "operations are applied in order");
    }
}
