//! `kill -9` in the middle of concurrent writers: what was acknowledged is there afterwards, and
//! a batch is there whole or not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::{Answer, Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

const ROUNDS: usize = 20;
const CREATORS: usize = 64;
/// Writers beside the creators, of each kind.
const BATCHERS: usize = 4;
const UPDATERS: usize = 4;
const BATCH: usize = 10;
/// How long the writers work before the server is killed.
const LOAD: Duration = Duration::from_millis(300);

on_each_database!(campaign_kill9_creators);

async fn campaign_kill9_creators(database: ScratchDatabase) {
    let mut server = ServerProcess::start(database.url(), &[]).await;
    let caller = Caller::create(&server, "alice");
    let mut counts = [0; 3];
    for round in 0..ROUNDS {
        let collection = format!("round-{round}");
        caller.create_collection(&collection).await;
        let writers = Writers::start(&caller, &collection).await;
        // Another moment in each round.
        sleep(LOAD + Duration::from_millis(7) * u32::try_from(round).unwrap()).await;
        server.kill9();
        let acknowledged = writers.finish().await;
        server.restart().await;
        acknowledged.verify(&caller, &collection).await;
        for (count, more) in counts.iter_mut().zip(acknowledged.counts()) {
            *count += more;
        }
    }
    let [objects, batches, updates] = counts;
    println!("kept: {objects} objects, {batches} batches of {BATCH}, {updates} updates");
    assert!(counts.iter().all(|&count| count > ROUNDS), "{counts:?}");
}

/// Clients that write until the server is gone.
struct Writers {
    creators: JoinSet<Vec<(String, Value)>>,
    batchers: JoinSet<Vec<String>>,
    updaters: JoinSet<(String, i64)>,
}

/// What the clients saw acknowledged.
struct Acknowledged {
    /// Ids and documents.
    objects: Vec<(String, Value)>,
    /// The marks of batches.
    batches: Vec<String>,
    /// The last version seen of each object that was updated.
    updates: Vec<(String, i64)>,
}

impl Writers {
    async fn start(caller: &Caller, collection: &str) -> Self {
        let mut writers = Self {
            creators: JoinSet::new(),
            batchers: JoinSet::new(),
            updaters: JoinSet::new(),
        };
        for _ in 0..UPDATERS {
            let created = caller.create_object(collection, &json!({ "n": 1 })).await;
            writers.updaters.spawn(update(caller.clone(), created.id()));
        }
        for number in 0..CREATORS {
            let creating = create(caller.clone(), collection.to_owned(), number);
            writers.creators.spawn(creating);
        }
        for number in 0..BATCHERS {
            let creating = create_batches(caller.clone(), collection.to_owned(), number);
            writers.batchers.spawn(creating);
        }
        writers
    }

    async fn finish(self) -> Acknowledged {
        Acknowledged {
            objects: self.creators.join_all().await.concat(),
            batches: self.batchers.join_all().await.concat(),
            updates: self.updaters.join_all().await,
        }
    }
}

/// Creates one object after the other until there is no answer.
async fn create(caller: Caller, collection: String, number: usize) -> Vec<(String, Value)> {
    let mut acknowledged = Vec::new();
    for count in 0.. {
        let body = json!({ "creator": number, "count": count, "text": "é".repeat(count % 200) });
        let Ok(answer) = Answer::maybe_to(caller.creation(&collection, &body)).await else {
            break;
        };
        assert_eq!(answer.status, 201, "{answer:?}");
        acknowledged.push((answer.id(), body));
    }
    acknowledged
}

/// Creates batches until there is no answer; each object carries its batch's mark.
async fn create_batches(caller: Caller, collection: String, number: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for count in 0.. {
        let mark = format!("{number}-{count}");
        let operation = json!({ "op": "create", "body": { "batch": mark } });
        let path = format!("{collection}/objects/batch");
        let request = caller.request(Method::POST, &path);
        let request = request.json(&json!({ "operations": vec![operation; BATCH] }));
        let Ok(answer) = Answer::maybe_to(request).await else {
            break;
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        acknowledged.push(mark);
    }
    acknowledged
}

/// Updates one object, whose `n` is its version, until there is no answer.
async fn update(caller: Caller, id: String) -> (String, i64) {
    let mut version = 1;
    loop {
        let body = json!({ "n": version + 1 });
        let Ok(answer) = Answer::maybe_to(caller.patch(&id, &body, version)).await else {
            return (id, version);
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        version += 1;
        assert_eq!(answer.body["version"], version);
    }
}

impl Acknowledged {
    fn counts(&self) -> [usize; 3] {
        let updates = self.updates.iter().map(|(_, version)| version - 1);
        let updates = usize::try_from(updates.sum::<i64>()).unwrap();
        [self.objects.len(), self.batches.len(), updates]
    }

    async fn verify(&self, caller: &Caller, collection: &str) {
        self.verify_objects(caller).await;
        self.verify_updates(caller).await;
        self.verify_batches(&caller.walk(collection).await);
    }

    async fn verify_objects(&self, caller: &Caller) {
        let gets = stream::iter(&self.objects).map(|(id, body)| async move {
            let answer = caller.get(&format!("/v1/objects/{id}")).await;
            assert_eq!(answer.status, 200, "{id} was acknowledged: {answer:?}");
            assert_eq!(&answer.body["body"], body);
            assert_eq!(answer.body["version"], 1);
        });
        gets.buffer_unordered(16).collect::<Vec<_>>().await;
    }

    async fn verify_updates(&self, caller: &Caller) {
        let gets = self.updates.iter().map(|(id, version)| async move {
            let answer = caller.get(&format!("/v1/objects/{id}")).await;
            let found = answer.body["version"].as_i64().unwrap();
            // The one that was not answered may have been done.
            assert!((*version..=version + 1).contains(&found), "{answer:?}");
            assert_eq!(answer.body["body"]["n"], found);
        });
        join_all(gets).await;
    }

    fn verify_batches(&self, objects: &[Value]) {
        let mut sizes = BTreeMap::<&str, usize>::new();
        for mark in objects.iter().filter_map(|o| o["body"]["batch"].as_str()) {
            *sizes.entry(mark).or_default() += 1;
        }
        for (mark, size) in &sizes {
            assert_eq!(*size, BATCH, "the batch {mark} is there in part");
        }
        for mark in &self.batches {
            assert!(sizes.contains_key(mark.as_str()), "{mark} was acknowledged");
        }
    }
}
