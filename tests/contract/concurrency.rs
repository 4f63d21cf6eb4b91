//! Many writers on one thing.

use futures::future::join_all;
use serde_json::json;

use crate::support::actor::Gpt;
use crate::support::answer::Answer;
use crate::support::app::App;

const WRITERS: usize = 64;

on_both!(as_many_succeed_as_versions_grew);
async fn as_many_succeed_as_versions_grew(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({ "count": 0 })).await;
    let answers = join_all((0..WRITERS).map(|_| count_up(&gpt, &id))).await;
    let succeeded = answers
        .iter()
        .filter(|answer| answer.status() == 200)
        .count();
    for answer in answers.iter().filter(|answer| answer.status() != 200) {
        assert_eq!(answer["code"], "precondition-failed", "{answer}");
        assert!(answer.number("current_version") > 1, "{answer}");
    }
    assert!(succeeded >= 1, "nobody got through");
    let object = gpt.get_object(&id).await.expect(200);
    assert_eq!(
        object.number("version"),
        1 + i64::try_from(succeeded).unwrap()
    );
    assert_eq!(
        object["body"]["count"],
        json!(succeeded),
        "no step was lost and none was taken twice"
    );
}

/// Reads, and writes one more if nobody else has written meanwhile.
async fn count_up(gpt: &Gpt, id: &str) -> Answer {
    let seen = gpt.get_object(id).await.expect(200);
    let next = json!({ "count": seen["body"]["count"].as_i64().unwrap() + 1 });
    gpt.patch_object(id, next)
        .member("if_match", seen["version"].to_string())
        .await
}

on_both!(of_all_who_saw_one_version_one_succeeds);
async fn of_all_who_saw_one_version_one_succeeds(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let patch = |n: usize| {
        gpt.patch_object(&id, json!({ "n": n }))
            .header("If-Match", "\"1\"")
    };
    let answers = join_all((0..WRITERS).map(|n| patch(n).into_future())).await;
    let succeeded: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status() == 200)
        .collect();
    assert_eq!(succeeded.len(), 1);
    assert_eq!(gpt.get_object(&id).await.text(), succeeded[0].text());
    for answer in answers.iter().filter(|answer| answer.status() != 200) {
        assert_eq!(
            (answer.status(), answer.number("current_version")),
            (412, 2),
            "{answer}"
        );
    }
}

on_both!(without_a_condition_no_member_is_lost);
async fn without_a_condition_no_member_is_lost(app: App) {
    let gpt = app.gpt_with_notes().await;
    let id = gpt.has_object("notes", json!({})).await;
    let patch = |n: usize| gpt.patch_object(&id, json!({ format!("member{n}"): n }));
    let answers = join_all((0..WRITERS).map(|n| patch(n).into_future())).await;
    let mut versions: Vec<_> = answers
        .iter()
        .map(|answer| answer.clone().expect(200).number("version"))
        .collect();
    versions.sort_unstable();
    assert_eq!(
        versions,
        (2..2 + i64::try_from(WRITERS).unwrap()).collect::<Vec<_>>()
    );
    let document = gpt.document(&id).await;
    for n in 0..WRITERS {
        assert_eq!(document[format!("member{n}")], n, "{document}");
    }
}

on_both!(one_of_many_creates_the_collection);
async fn one_of_many_creates_the_collection(app: App) {
    let gpt = app.gpt().await;
    let answers = join_all((0..16).map(|_| gpt.upsert_collection("notes").into_future())).await;
    let created = answers
        .iter()
        .filter(|answer| answer.status() == 201)
        .count();
    assert_eq!(created, 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer["id"] == answers[0]["id"] && answer["version"] == 1)
    );
}

on_both!(creators_and_a_deleter_leave_nothing_behind);
async fn creators_and_a_deleter_leave_nothing_behind(app: App) {
    let gpt = app.gpt_with_notes().await;
    let create = |n: usize| gpt.create_object("notes", json!({ "n": n }));
    let creates = join_all((0..32).map(|n| create(n).into_future()));
    let (created, deleted) = tokio::join!(creates, gpt.delete_collection("notes").into_future());
    deleted.expect(204);
    for answer in created {
        match answer.status() {
            201 => gpt.get_object(&answer.string("id")).await.expect(404),
            _ => answer.expect(404).problem("collection-not-found"),
        };
    }
    gpt.upsert_collection("notes").await.expect(201);
    assert_eq!(gpt.list_objects("notes").await.items().len(), 0);
}

on_both!(batches_over_the_same_objects_do_not_block_each_other);
async fn batches_over_the_same_objects_do_not_block_each_other(app: App) {
    let gpt = app.gpt_with_notes().await;
    let forwards = gpt.has_many_objects("notes", 10).await;
    let backwards: Vec<_> = forwards.iter().rev().cloned().collect();
    let patches = |ids: &[String], name: String| {
        ids.iter()
            .map(|id| json!({ "op": "patch", "id": id, "body": { name.as_str(): true } }))
            .collect()
    };
    let batches = (0..8).map(|n| {
        let ids = if n % 2 == 0 { &forwards } else { &backwards };
        gpt.batch_objects("notes", patches(ids, format!("by{n}")))
            .into_future()
    });
    for answer in join_all(batches).await {
        answer.expect(200);
    }
    for id in &forwards {
        let object = gpt.get_object(id).await.expect(200);
        assert_eq!(
            (
                object.number("version"),
                object["body"].as_object().unwrap().len()
            ),
            (9, 9)
        );
    }
}
