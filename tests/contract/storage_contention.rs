//! Many who change one namespace at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use serde_json::json;

use crate::support::actor::Gpt;
use crate::support::app::App;

/// Adds one to the counter, again and again until it succeeds, beginning from `version` and
/// `count`; gives the version that it made and what the counter then said.
async fn increment(gpt: &Gpt, (mut version, mut count): (i64, i64)) -> (i64, i64) {
    loop {
        let operations = json!([{ "op": "set", "key": "n", "value": count + 1 }]);
        let answer = gpt.patch_storage("counter", version, &operations).await;
        if answer.status() != 412 {
            assert!(matches!(answer.status(), 200 | 201), "{answer}");
            assert_eq!(answer.number("n"), count + 1);
            let made: i64 = tag(&answer.header("etag"));
            assert_eq!(
                made,
                version + 1,
                "the tag of the 412 was that of the next change"
            );
            return (made, count + 1);
        }
        let current = answer.number("current_version");
        assert!(current > version, "{answer}");
        let read = gpt.get_storage("counter").await.expect(200);
        version = tag(&read.header("etag"));
        assert!(version >= current, "what a 412 says is never taken back");
        count = read.number("n");
    }
}

fn tag(header: &Option<String>) -> i64 {
    header
        .as_deref()
        .unwrap()
        .trim_matches('"')
        .parse()
        .unwrap()
}

/// `clients` increment one counter until it was incremented `total` times.
async fn count_up(app: App, clients: usize, total: usize) {
    let gpt = app.gpt().await;
    let left = Arc::new(AtomicUsize::new(total));
    let clients = (0..clients).map(|_| {
        let (gpt, left) = (gpt.clone(), left.clone());
        tokio::spawn(async move {
            let (mut made, mut last) = (Vec::new(), (0, 0));
            let take = |left: usize| left.checked_sub(1);
            while left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                .is_ok()
            {
                last = increment(&gpt, last).await;
                made.push(last.0);
            }
            made
        })
    });
    let made = join_all(clients).await.into_iter().flat_map(Result::unwrap);
    let versions: Vec<i64> = made.collect();
    let distinct: BTreeSet<_> = versions.iter().copied().collect();
    let total = total as i64;
    assert_eq!(versions.len() as i64, total);
    assert_eq!(
        distinct,
        (1..=total).collect(),
        "no version was skipped or made twice"
    );
    let end = gpt.get_storage("counter").await.expect(200);
    assert_eq!((end.number("n"), tag(&end.header("etag"))), (total, total));
}

on_every_storage!(no_increment_is_lost);
async fn no_increment_is_lost(app: App) {
    count_up(app, 8, 60).await;
}

on_every_storage!(campaign_two_thousand_increments);
async fn campaign_two_thousand_increments(app: App) {
    count_up(app, 32, 2000).await;
}
