//! Callers that write without a pause, as a backup meets them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::Caller;

const WRITERS: usize = 8;
const COLLECTION: &str = "notes";

/// Writers who create objects until they are told to stop.
pub struct Writers {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<String>>>,
}

impl Writers {
    pub async fn start(caller: &Caller) -> Self {
        caller.create_collection(COLLECTION).await;
        let mut writers = Self {
            tasks: JoinSet::new(),
            stop: Arc::default(),
            acknowledged: Arc::default(),
        };
        for number in 0..WRITERS {
            let (caller, stop) = (caller.clone(), writers.stop.clone());
            let acknowledged = writers.acknowledged.clone();
            writers.tasks.spawn(async move {
                for count in 0.. {
                    let body = json!({ "writer": number, "count": count, "text": "é\\\t\n'" });
                    let created = caller.create_object(COLLECTION, &body).await;
                    assert_eq!(created.status, 201, "{created:?}");
                    acknowledged.lock().unwrap().push(created.id());
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        writers
    }

    /// The ids of what was acknowledged so far, once that are at least `count`.
    pub async fn acknowledged(&self, count: usize) -> Vec<String> {
        loop {
            let acknowledged = self.acknowledged.lock().unwrap().clone();
            if acknowledged.len() >= count {
                return acknowledged;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets each finish its last object, and gives the ids of all.
    pub async fn finish(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        self.acknowledged.lock().unwrap().clone()
    }
}
