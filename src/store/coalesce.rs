//! Requests that arrive together are served together.
//!
//! A worker takes whatever is waiting, up to a bound, and serves it with one statement and one
//! commit. It never sleeps to wait for more, so a lone request is not delayed, and under load the
//! batches grow by themselves.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::StoreError;

/// Most requests that one statement serves.
const MAX_BATCH: usize = 256;

/// Requests that may wait before further callers wait to hand theirs in.
const QUEUE_LENGTH: usize = 4096;

/// A request and where its answer goes.
pub(super) struct Request<Q, A> {
    pub(super) question: Q,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

impl<Q, A> Request<Q, A> {
    /// Answers the request. A caller that has gone meanwhile is no error.
    pub(super) fn answer(self, answer: Result<A, StoreError>) {
        let _gone = self.answer.send(answer);
    }
}

/// Where requests are handed in.
pub(super) struct Queue<Q, A> {
    sender: mpsc::Sender<Request<Q, A>>,
}

impl<Q, A> Queue<Q, A> {
    /// Hands in `question` and waits for its answer.
    pub(super) async fn ask(&self, question: Q) -> Result<A, StoreError> {
        let (answer, answered) = oneshot::channel();
        let request = Request { question, answer };
        let handed_in = self.sender.send(request).await;
        handed_in.map_err(|_closed| StoreError::closed())?;
        answered.await.map_err(|_dropped| StoreError::closed())?
    }
}

/// The workers of a store.
pub(super) struct Tasks {
    finish: watch::Sender<bool>,
    handles: StdMutex<Vec<JoinHandle<()>>>,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self {
            finish: watch::Sender::new(false),
            handles: StdMutex::default(),
        }
    }

    /// Starts `workers` workers that share one queue; `serve` must answer every request of its
    /// batch.
    pub(super) fn start<Q, A, S>(&mut self, workers: usize, serve: S) -> Queue<Q, A>
    where
        Q: Send + 'static,
        A: Send + 'static,
        S: AsyncServe<Q, A>,
    {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let receiver = Arc::new(Mutex::new(receiver));
        let serve = Arc::new(serve);
        for _ in 0..workers {
            let (receiver, serve) = (Arc::clone(&receiver), Arc::clone(&serve));
            self.run(|finish| work(receiver, finish, serve));
        }
        Queue { sender }
    }

    /// Runs `task` until it ends, which it must do when its argument says true or has no sender.
    pub(super) fn run<F>(&mut self, task: impl FnOnce(watch::Receiver<bool>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handle = tokio::spawn(task(self.finish.subscribe()));
        let handles = self.handles.get_mut();
        handles.unwrap_or_else(PoisonError::into_inner).push(handle);
    }

    /// Lets the workers serve what was handed in, and waits until they have.
    pub(super) async fn finish(&self) {
        self.finish.send_replace(true);
        let handles =
            std::mem::take(&mut *self.handles.lock().unwrap_or_else(PoisonError::into_inner));
        for handle in handles {
            // A worker that panicked has nothing left to finish.
            let _panicked = handle.await;
        }
    }
}

/// Serves a batch of requests.
pub(super) trait AsyncServe<Q, A>: Send + Sync + 'static {
    fn serve(&self, batch: Vec<Request<Q, A>>) -> impl Future<Output = ()> + Send;
}

async fn work<Q, A, S>(
    queue: Arc<Mutex<mpsc::Receiver<Request<Q, A>>>>,
    mut finish: watch::Receiver<bool>,
    serve: Arc<S>,
) where
    Q: Send + 'static,
    A: Send + 'static,
    S: AsyncServe<Q, A>,
{
    loop {
        let batch = take(&mut *queue.lock().await, &mut finish).await;
        if batch.is_empty() {
            return;
        }
        serve.serve(batch).await;
    }
}

/// What is waiting in `queue`, or the next request to come; empty when there will be none.
async fn take<R>(queue: &mut mpsc::Receiver<R>, finish: &mut watch::Receiver<bool>) -> Vec<R> {
    let mut batch = Vec::new();
    tokio::select! {
        biased;
        _ = queue.recv_many(&mut batch, MAX_BATCH) => return batch,
        // Also when the sender of the signal is gone: then the store was dropped.
        _ = finish.wait_for(|finish| *finish) => queue.close(),
    }
    queue.recv_many(&mut batch, MAX_BATCH).await;
    batch
}
