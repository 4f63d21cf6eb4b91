//! The worker, on both databases, with jobs that only tests have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::queue::Queue;
use super::work::{Failure, Job, Work};
use super::worker::{Worker, WorkerSettings};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::store::tests::support::{on_both, unique};
use crate::store::{JobRow, JobState, NewJob, Store};

/// Long enough for whatever is to happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a job of a test does.
#[derive(Clone, Copy)]
enum Act {
    Succeed,
    Panic,
    Fail,
    /// Never ends by itself.
    Hang,
    /// Works for longer than its lease.
    Last(Duration),
}

struct Acting {
    kind: &'static str,
    act: Act,
    every: Option<Duration>,
    begun: Arc<AtomicU32>,
}

impl Job for Acting {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn every(&self) -> Option<Duration> {
        self.every
    }

    fn run<'a>(&'a self, _work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>> {
        async {
            self.begun.fetch_add(1, Ordering::Relaxed);
            match self.act {
                Act::Succeed => {}
                Act::Panic => panic!("as the test wants"),
                Act::Fail => return Err(Error::Unavailable("away".into()).into()),
                Act::Hang => std::future::pending().await,
                Act::Last(time) => sleep(time).await,
            }
            Ok(Document::from_canonical(r#"{"done":true}"#.to_owned()))
        }
        .boxed()
    }
}

/// Workers of one kind of job that only one test has.
struct Shop {
    store: Store,
    kind: &'static str,
    act: Act,
    every: Option<Duration>,
    begun: Arc<AtomicU32>,
    settings: WorkerSettings,
}

impl Shop {
    fn new(store: Store, act: Act) -> Self {
        Self {
            store,
            kind: unique("kind").leak(),
            act,
            every: None,
            begun: Arc::default(),
            settings: WorkerSettings {
                concurrency: 2,
                poll: Duration::from_millis(10),
                lease: Duration::from_secs(30),
                grace: Duration::ZERO,
            },
        }
    }

    fn start(&self, queue: &Queue) -> Worker {
        let job = Acting {
            kind: self.kind,
            act: self.act,
            every: self.every,
            begun: self.begun.clone(),
        };
        Worker::start(queue.clone(), self.settings).working_off(vec![Box::new(job)])
    }

    fn queue(&self) -> Queue {
        Queue::local(self.store.clone())
    }

    async fn ask(&self, queue: &Queue, max_attempts: u32) -> Uuid {
        let now = Timestamp::now();
        let job = NewJob::of_house(self.kind, max_attempts, now);
        assert!(queue.enqueue(&job).await.unwrap());
        job.id
    }

    /// The job once it is as `expected` says.
    async fn until(&self, id: Uuid, expected: impl Fn(&JobRow) -> bool) -> JobRow {
        let look = async {
            loop {
                let row = self.store.find_job(id).await.unwrap().unwrap();
                if expected(&row) {
                    return row;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, look).await.unwrap()
    }

    fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_job_is_done_and_wakes_its_worker() {
    on_both(async |store| {
        let mut shop = Shop::new(store, Act::Succeed);
        // No look finds it within the time of this test.
        shop.settings.poll = Duration::from_secs(3600);
        let queue = shop.queue();
        let worker = shop.start(&queue);
        let id = shop.ask(&queue, 1).await;
        let done = shop.until(id, |row| row.state == JobState::Succeeded).await;
        assert_eq!(done.result.unwrap().as_str(), r#"{"done":true}"#);
        worker.finish().await;
        let counters = queue.counters();
        assert_eq!((counters.claimed(), counters.succeeded()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_poll_finds_what_another_process_added() {
    on_both(async |store| {
        let shop = Shop::new(store, Act::Succeed);
        let worker = shop.start(&shop.queue());
        let id = shop.ask(&shop.queue(), 1).await;
        shop.until(id, |row| row.state == JobState::Succeeded).await;
        worker.finish().await;
        assert_eq!(shop.begun(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_panic_is_a_failure_and_ends_no_worker() {
    on_both(async |store| {
        let shop = Shop::new(store, Act::Panic);
        let queue = shop.queue();
        let worker = shop.start(&queue);
        let (first, second) = (shop.ask(&queue, 1).await, shop.ask(&queue, 1).await);
        for id in [first, second] {
            let dead = shop.until(id, |row| row.state == JobState::Failed).await;
            assert_eq!(dead.error.as_deref(), Some("internal error"));
        }
        worker.finish().await;
        assert_eq!(queue.counters().failed(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_tried_again_after_a_pause() {
    on_both(async |store| {
        let shop = Shop::new(store, Act::Fail);
        let queue = shop.queue();
        let worker = shop.start(&queue);
        let asked = Timestamp::now();
        let id = shop.ask(&queue, 2).await;
        let waiting = shop.until(id, |row| row.error.is_some()).await;
        assert_eq!((waiting.state, waiting.attempts), (JobState::Queued, 1));
        assert!(waiting.run_at >= asked.plus(Duration::from_secs(1)));
        worker.finish().await;
        assert_eq!((shop.begun(), queue.counters().put_off()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_stop_hands_back_what_is_not_finished() {
    on_both(async |store| {
        let shop = Shop::new(store, Act::Hang);
        let queue = shop.queue();
        let worker = shop.start(&queue);
        let id = shop.ask(&queue, 1).await;
        shop.until(id, |row| row.state == JobState::Running).await;
        timeout(PATIENCE, worker.finish()).await.unwrap();
        let row = shop.store.find_job(id).await.unwrap().unwrap();
        assert_eq!((row.state, row.attempts), (JobState::Queued, 0));
        assert_eq!(queue.counters().handed_back(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_stop_lets_finish_what_can() {
    on_both(async |store| {
        let mut shop = Shop::new(store, Act::Last(Duration::from_millis(40)));
        shop.settings.grace = PATIENCE;
        let queue = shop.queue();
        let worker = shop.start(&queue);
        let id = shop.ask(&queue, 1).await;
        shop.until(id, |row| row.state == JobState::Running).await;
        worker.finish().await;
        let row = shop.store.find_job(id).await.unwrap().unwrap();
        assert_eq!(row.state, JobState::Succeeded);
    })
    .await;
}

/// Without renewals the other worker would take the job as one that was left behind.
#[tokio::test]
async fn campaign_a_lease_is_renewed_while_the_work_lasts() {
    on_both(async |store| {
        let mut shop = Shop::new(store, Act::Last(Duration::from_millis(2500)));
        shop.settings.lease = Duration::from_secs(1);
        let queue = shop.queue();
        let workers = [shop.start(&queue), shop.start(&queue)];
        let id = shop.ask(&queue, 5).await;
        let done = shop.until(id, |row| row.state == JobState::Succeeded).await;
        assert_eq!((done.attempts, shop.begun()), (1, 1));
        for worker in workers {
            worker.finish().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_comes_round_is_done_once_by_however_many_workers() {
    on_both(async |store| {
        let mut shop = Shop::new(store, Act::Succeed);
        shop.every = Some(Duration::from_secs(24 * 60 * 60));
        let workers: Vec<_> = (0..4).map(|_| shop.start(&shop.queue())).collect();
        let begun = async {
            while shop.begun() == 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, begun).await.unwrap();
        sleep(Duration::from_millis(60)).await;
        for worker in workers {
            worker.finish().await;
        }
        // Two days meet at midnight, and this test may see both.
        assert!(shop.begun() <= 2, "{}", shop.begun());
    })
    .await;
}

/// What Redis does not tell, a look finds.
#[tokio::test]
async fn jobs_are_done_with_a_redis_and_without_the_one_that_is_away() {
    let url = std::env::var("TEST_REDIS_URL").unwrap();
    on_both(async |store| {
        let mut shop = Shop::new(store, Act::Succeed);
        shop.settings.poll = Duration::from_millis(100);
        let queue = || Queue::new(shop.store.clone(), Some(&url)).unwrap();
        let worker = shop.start(&queue());
        for _ in 0..3 {
            let id = shop.ask(&queue(), 1).await;
            shop.until(id, |row| row.state == JobState::Succeeded).await;
        }
        worker.finish().await;
        let away = Queue::new(shop.store.clone(), Some("redis://127.0.0.1:1")).unwrap();
        let id = shop.ask(&away, 1).await;
        assert_eq!(away.counters().delivery_failures(), 1);
        let worker = shop.start(&away);
        shop.until(id, |row| row.state == JobState::Succeeded).await;
        worker.finish().await;
    })
    .await;
}
