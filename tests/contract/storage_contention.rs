//! Many who change one namespace at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use crate::support::actor::Gpt;
use crate::support::answer::Answer;
use crate::support::app::App;

const CLIENTS: usize = 32;
const INCREMENTS: usize = 2000;

/// Reads the counter and adds one, until that succeeds; gives the version that it made.
///
/// Each version is one increment, so a 412 tells the counter too, and its tag is the next to try.
async fn increment(gpt: &Gpt) -> i64 {
    let read = gpt.get_storage("counter").await.expect(200);
    let mut version = tag(&read);
    assert_eq!(read["n"].as_i64().unwrap_or(0), version);
    loop {
        let operations = json!([{ "op": "set", "key": "n", "value": version + 1 }]);
        let answer = gpt.patch_storage("counter", version, &operations).await;
        if answer.status() != 412 {
            assert!(matches!(answer.status(), 200 | 201), "{answer}");
            assert_eq!(answer.number("n"), version + 1);
            assert_eq!(
                tag(&answer),
                version + 1,
                "the tag that was sent was the current one"
            );
            return version + 1;
        }
        let current = answer.number("current_version");
        assert!(current > version, "{answer}");
        assert_eq!(tag(&answer), current);
        version = current;
        sleep(Duration::from_millis(u64::from(
            getrandom::u32().unwrap() % 32,
        )))
        .await;
    }
}

fn tag(answer: &Answer) -> i64 {
    let tag = answer.header("etag").unwrap();
    tag.trim_matches('"').parse().unwrap()
}

on_every_storage!(campaign_two_thousand_increments);
async fn campaign_two_thousand_increments(app: App) {
    let gpt = app.gpt().await;
    let left = Arc::new(AtomicUsize::new(INCREMENTS));
    let clients = (0..CLIENTS).map(|_| {
        let (gpt, left) = (gpt.clone(), left.clone());
        tokio::spawn(async move {
            let mut made = Vec::new();
            let take = |left: usize| left.checked_sub(1);
            while left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                .is_ok()
            {
                made.push(increment(&gpt).await);
            }
            made
        })
    });
    let made = join_all(clients).await.into_iter().flat_map(Result::unwrap);
    let versions: Vec<i64> = made.collect();
    let distinct: BTreeSet<_> = versions.iter().copied().collect();
    let total = INCREMENTS as i64;
    assert_eq!(versions.len() as i64, total);
    assert_eq!(
        distinct,
        (1..=total).collect(),
        "no version was skipped or made twice"
    );
    let end = gpt.get_storage("counter").await.expect(200);
    assert_eq!((end.number("n"), tag(&end)), (total, total));
}
