//! The record of calls: written beside the requests, read by the operator.
//!
//! A call waits in a bounded queue until a writer commits it with those that wait too, so that no
//! answer waits for the disk. When the queue is full, because the database is slower than the
//! callers or away, each answer waits a moment for room; then its call is counted as lost, since the
//! service goes on rather than stop for its record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Service;
use super::pages::Rows;
use crate::clock::Timestamp;
use crate::error::{Error, chain};
use crate::store::{AuditQuery, AuditRow, Store, StoreErrorKind};

/// Calls that may wait to be written.
const QUEUE_LENGTH: usize = 10_000;
/// Most calls that are written together.
const MAX_BATCH: usize = 2000;
/// How long the writer lets calls come together, so that many share one commit.
const GATHERING: Duration = Duration::from_millis(100);
/// The longest that an answer waits for room in the queue.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long the writer waits before it tries again what a database that is away did not take.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a stop waits for the database to take the rest.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// Where calls are handed in. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    queue: mpsc::Sender<AuditRow>,
    lost: Arc<AtomicU64>,
    lag: Arc<AtomicU64>,
}

/// The task that writes them.
pub struct AuditWriter {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Audit {
    /// Starts the writer into `store`.
    #[must_use]
    pub fn start(store: Store) -> (Self, AuditWriter) {
        let (queue, waiting) = mpsc::channel(QUEUE_LENGTH);
        let (stop, stopped) = watch::channel(false);
        let (lost, lag) = (Arc::default(), Arc::default());
        let writing = Writing {
            store,
            waiting,
            stopped,
            lost: Arc::clone(&lost),
            lag: Arc::clone(&lag),
        };
        let task = tokio::spawn(writing.run());
        (Self { queue, lost, lag }, AuditWriter { stop, task })
    }

    /// Records a call. Returns at once, or after 100 ms when there is no room for it.
    pub async fn record(&self, call: AuditRow) {
        let Err(full) = self.queue.try_send(call) else {
            return;
        };
        let sent = timeout(PATIENCE, self.queue.send(full.into_inner())).await;
        if !matches!(sent, Ok(Ok(()))) {
            note_lost(&self.lost, 1, "there is no room for more");
        }
    }

    /// Calls that were not recorded since the start.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Calls that wait to be written.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let free = self.queue.capacity();
        u64::try_from(self.queue.max_capacity() - free).unwrap_or(u64::MAX)
    }

    /// How old the oldest call of the last batch was when it was written.
    #[must_use]
    pub fn lag(&self) -> Duration {
        Duration::from_micros(self.lag.load(Ordering::Relaxed))
    }
}

impl AuditWriter {
    /// Writes what was handed in and ends the task.
    pub async fn finish(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the writer of the audit log failed");
        }
    }
}

struct Writing {
    store: Store,
    waiting: mpsc::Receiver<AuditRow>,
    stopped: watch::Receiver<bool>,
    lost: Arc<AtomicU64>,
    lag: Arc<AtomicU64>,
}

impl Writing {
    async fn run(mut self) {
        loop {
            let batch = self.take().await;
            if batch.is_empty() {
                return;
            }
            self.write(&batch).await;
            self.gather().await;
        }
    }

    /// Waits until there is something to commit together, or no time to wait.
    async fn gather(&mut self) {
        if self.waiting.len() < MAX_BATCH {
            let stopped = self.stopped.wait_for(|stopped| *stopped);
            // A stop ends the wait, and so does the loss of who would tell it.
            let _elapsed = timeout(GATHERING, stopped).await.is_err();
        }
    }

    /// What is waiting, or the next call to come; empty when there will be none.
    async fn take(&mut self) -> Vec<AuditRow> {
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            _ = self.waiting.recv_many(&mut batch, MAX_BATCH) => return batch,
            // Also when the sender of the signal is gone.
            _ = self.stopped.wait_for(|stopped| *stopped) => self.waiting.close(),
        }
        self.waiting.recv_many(&mut batch, MAX_BATCH).await;
        batch
    }

    /// Writes a batch, again and again while the database is away; not for long once the server
    /// stops.
    async fn write(&mut self, batch: &[AuditRow]) {
        let mut stopped = self.stopped.clone();
        let give_up = async {
            // Also when the sender of the signal is gone.
            let _stopped = stopped.wait_for(|stopped| *stopped).await.is_ok();
            sleep(LAST_PATIENCE).await;
        };
        let written = tokio::select! {
            biased;
            written = write_until_done(&self.store, batch) => written,
            () = give_up => Err("the database is away".to_owned()),
        };
        match (written, batch.first()) {
            (Err(cause), _) => note_lost(&self.lost, batch.len(), &cause),
            (Ok(()), Some(oldest)) => self.note_lag(oldest),
            (Ok(()), None) => {}
        }
    }

    fn note_lag(&self, oldest: &AuditRow) {
        let micros = Timestamp::now().as_micros() - oldest.created_at.as_micros();
        let lag = u64::try_from(micros).unwrap_or_default();
        self.lag.store(lag, Ordering::Relaxed);
    }
}

async fn write_until_done(store: &Store, batch: &[AuditRow]) -> Result<(), String> {
    loop {
        match store.record_calls(batch).await {
            Ok(()) => return Ok(()),
            Err(error) if may_pass(error.kind()) => {
                tracing::warn!(
                    cause = chain(&error),
                    "the audit log waits for the database"
                );
                sleep(PAUSE).await;
            }
            Err(error) => return Err(chain(&error)),
        }
    }
}

/// Whether a failure of the store may be over soon.
fn may_pass(kind: StoreErrorKind) -> bool {
    matches!(
        kind,
        StoreErrorKind::Unavailable | StoreErrorKind::Serialization | StoreErrorKind::Timeout
    )
}

/// Counts lost calls, and logs them each time that their number has doubled or more.
fn note_lost(lost: &AtomicU64, count: usize, cause: &str) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let before = lost.fetch_add(count, Ordering::Relaxed);
    let after = before.saturating_add(count);
    if before == 0 || before.ilog2() < after.ilog2() {
        tracing::error!(lost = after, cause, "calls are missing in the audit log");
    }
}

impl Service {
    /// A page of the record of calls, the latest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_calls(&self, query: AuditQuery) -> Result<Rows<AuditRow>, Error> {
        let limit = query.limit;
        let read = AuditQuery {
            limit: Rows::<AuditRow>::to_read(limit),
            ..query
        };
        Ok(Rows::cut(self.store.list_calls(&read).await?, limit))
    }

    /// Forgets the calls that came longer than `keep` ago, and says how many there were.
    ///
    /// # Errors
    /// The store's.
    pub async fn prune_calls(&self, keep: Duration) -> Result<u64, Error> {
        Ok(self.store.prune_calls(Timestamp::now().minus(keep)).await?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tempfile::TempDir;

    use super::*;
    use crate::store::DatabaseSettings;

    fn call() -> AuditRow {
        AuditRow {
            id: uuid::Uuid::now_v7(),
            gpt_id: None,
            key_id: Some("key_1".to_owned()),
            app_id: None,
            operation: "get_limits".to_owned(),
            method: "GET".to_owned(),
            path: "/v1/limits".to_owned(),
            request: crate::document::Document::from_canonical("{}".to_owned()),
            status: 200,
            milliseconds: 0.5,
            request_id: "r".to_owned(),
            client_address: "198.51.100.1".to_owned(),
            created_at: Timestamp::now(),
            application_id: None,
            session_id: None,
            memory_service_request_id: None,
        }
    }

    async fn store(folder: &TempDir) -> Store {
        let url = format!("sqlite://{}/store.db", folder.path().display());
        Store::connect(&DatabaseSettings::new(url)).await.unwrap()
    }

    async fn recorded(store: &Store) -> usize {
        let query = AuditQuery {
            limit: 10_000,
            ..AuditQuery::default()
        };
        store.list_calls(&query).await.unwrap().len()
    }

    #[tokio::test]
    async fn a_full_queue_delays_an_answer_a_little_and_loses_its_call() {
        let (queue, _waiting) = mpsc::channel(1);
        let audit = Audit {
            queue,
            lost: Arc::default(),
            lag: Arc::default(),
        };
        audit.record(call()).await;
        assert_eq!((audit.lost(), audit.waiting()), (0, 1));
        let start = Instant::now();
        audit.record(call()).await;
        assert!(start.elapsed() >= PATIENCE);
        assert_eq!(audit.lost(), 1);
    }

    #[tokio::test]
    async fn a_stop_writes_what_waits() {
        let folder = TempDir::new().unwrap();
        let store = store(&folder).await;
        store.migrate().await.unwrap();
        let (audit, writer) = Audit::start(store.clone());
        for _ in 0..3 * MAX_BATCH / 2 {
            audit.record(call()).await;
        }
        writer.finish().await;
        assert_eq!(
            (recorded(&store).await, audit.lost()),
            (3 * MAX_BATCH / 2, 0)
        );
        audit.record(call()).await;
        assert_eq!(audit.lost(), 1);
    }

    #[tokio::test]
    async fn what_the_database_will_never_take_is_counted() {
        let folder = TempDir::new().unwrap();
        // There are no tables in it.
        let (audit, writer) = Audit::start(store(&folder).await);
        audit.record(call()).await;
        writer.finish().await;
        assert_eq!(audit.lost(), 1);
    }

    #[tokio::test]
    async fn campaign_a_stop_does_not_wait_for_ever_for_the_database() {
        let folder = TempDir::new().unwrap();
        let store = store(&folder).await;
        store.close().await;
        let (audit, writer) = Audit::start(store);
        audit.record(call()).await;
        let start = Instant::now();
        writer.finish().await;
        assert!(start.elapsed() >= LAST_PATIENCE && start.elapsed() < 2 * LAST_PATIENCE);
        assert_eq!(audit.lost(), 1);
    }
}
