//! Forwarding: changes of objects are delivered to the webhooks of their GPTs.
//!
//! A worker claims a webhook for a while and alone delivers what is due there, so that the changes of
//! one object arrive in their order, a receiver that hangs holds up nobody else, and a GPT with many
//! changes has its turn and then lets others have theirs. What was delivered is noted after that: a
//! worker that dies in between delivers again, under the same `webhook-id`.

mod message;
mod receiver;
mod round;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::queue::Queue;
use crate::clock::Timestamp;
use crate::error::{Error, chain};
use crate::service::Service;
use receiver::Deliverer;

/// How a worker forwards.
#[derive(Clone, Copy, Debug)]
pub struct ForwardSettings {
    /// How long a receiver may take to answer.
    pub timeout: Duration,
    /// Attempts before an event is a dead letter.
    pub attempts: u32,
    /// Webhooks at once.
    pub concurrency: u32,
    /// How long a webhook is a worker's own without a renewal.
    pub lease: Duration,
    /// How often it looks for what nothing told it of.
    pub poll: Duration,
}

/// What the task has.
pub(super) struct Forwarding {
    /// Unlike any other worker's.
    name: String,
    queue: Queue,
    service: Service,
    deliverer: Deliverer,
    settings: ForwardSettings,
    stopped: watch::Receiver<bool>,
}

impl Forwarding {
    /// # Errors
    /// When the service knows no webhooks, or TLS cannot be set up.
    pub(super) fn new(
        name: String,
        queue: Queue,
        service: Service,
        settings: ForwardSettings,
        stopped: watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        let deliverer = Deliverer::new(service.receivers()?.clone(), settings.timeout)?;
        Ok(Self {
            name,
            queue,
            service,
            deliverer,
            settings,
            stopped,
        })
    }

    pub(super) async fn keep_forwarding(self) {
        let forwarding = Arc::new(self);
        let mut stopped = forwarding.stopped.clone();
        let mut running = JoinSet::new();
        while !*stopped.borrow() {
            let looked = forwarding.look(&mut running).await;
            if let Err(error) = &looked {
                tracing::debug!(cause = chain(error), "no webhook can be claimed");
            }
            let has_room = forwarding.room(&running) > 0;
            tokio::select! {
                // Also when the sender of the signal is gone.
                _ = stopped.wait_for(|stopped| *stopped) => break,
                Some(_) = running.join_next() => {}
                () = forwarding.queue.changed(), if looked.is_ok() && has_room => {}
                () = sleep(forwarding.settings.poll) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn look(self: &Arc<Self>, running: &mut JoinSet<()>) -> Result<(), Error> {
        let room = self.room(running);
        if room == 0 {
            return Ok(());
        }
        let now = Timestamp::now();
        let store = self.queue.store();
        let until = now.plus(self.settings.lease);
        for claimed in store.claim_webhooks(&self.name, now, until, room).await? {
            running.spawn(self.clone().forward(claimed));
        }
        Ok(())
    }

    fn room(&self, running: &JoinSet<()>) -> u32 {
        let running = u32::try_from(running.len()).unwrap_or(u32::MAX);
        self.settings.concurrency.saturating_sub(running)
    }
}
