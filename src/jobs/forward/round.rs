//! One webhook's turn.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use tokio::time::Instant;

use super::Forwarding;
use super::message::Message;
use super::receiver::Answer;
use crate::clock::Timestamp;
use crate::error::{Error, chain};
use crate::jobs::counters::JobCounters;
use crate::jobs::lease::hold;
use crate::store::{Attempt, ClaimedWebhook, DueEvent, EventKind, WebhookRow};

/// When a turn begins no more deliveries.
const TURN: Duration = Duration::from_secs(30);
/// Events that are looked at in a turn.
const EVENTS: u32 = 100;
/// Objects whose changes are delivered at once.
const AT_ONCE: usize = 8;
/// The pause after an event's first failed attempt; it triples with each.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause of an event.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);
/// The longest pause of a webhook where nothing can be delivered.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// A turn: the claim, and how it goes.
struct Turn<'a> {
    claimed: &'a ClaimedWebhook,
    keys: Vec<Vec<u8>>,
    ends: Instant,
    is_over: AtomicBool,
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Forwarding {
    /// Delivers what is due to the webhook, for a while, and gives it back.
    pub(super) async fn forward(self: Arc<Self>, claimed: ClaimedWebhook) {
        let webhook = &claimed.webhook;
        let gpt = webhook.gpt_id.as_str();
        let store = self.queue.store();
        let held = hold(self.settings.lease, |until| {
            store.renew_webhook(&claimed, until).boxed()
        });
        let turn = tokio::select! {
            turn = self.take_turn(&claimed) => turn,
            // Whoever has it by now delivers what this turn has not noted.
            () = held => return,
        };
        let (failures, rest) = match turn {
            Ok(failures) => (failures, rest(failures)),
            Err(error) => {
                tracing::warn!(
                    gpt,
                    cause = chain(&error),
                    "changes cannot be forwarded now"
                );
                (webhook.failures.saturating_add(1), LONGEST_REST)
            }
        };
        let again = Timestamp::now().plus(rest);
        let released = self
            .queue
            .store()
            .release_webhook(&claimed, again, failures);
        if let Err(error) = released.await {
            // Its lease ends.
            tracing::debug!(gpt, cause = chain(&error), "a webhook cannot be given back");
        }
    }

    /// Says how often in a row nothing could be delivered by now.
    async fn take_turn(&self, claimed: &ClaimedWebhook) -> Result<u32, Error> {
        let webhook = &claimed.webhook;
        let keys = self.service.webhook_keys(webhook)?;
        let sealed_elsewhere = "the secret was sealed under another SECRET_KEY";
        let turn = Turn {
            claimed,
            keys: keys.ok_or_else(|| Error::Internal(sealed_elsewhere.into()))?,
            ends: Instant::now() + TURN,
            is_over: AtomicBool::new(false),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        let now = Timestamp::now();
        let due = self.queue.store().due_events(&webhook.gpt_id, now, EVENTS);
        stream::iter(by_object(due.await?))
            .for_each_concurrent(AT_ONCE, |events| self.deliver_each(&turn, events))
            .await;
        let delivered = turn.delivered.into_inner();
        Ok(match turn.failed.into_inner() {
            0 => 0,
            _ if delivered > 0 => 0,
            _ => webhook.failures.saturating_add(1),
        })
    }

    /// Delivers the changes of one object until one of them fails.
    async fn deliver_each(&self, turn: &Turn<'_>, events: Vec<DueEvent>) {
        for event in events {
            if turn.must_end() || *self.stopped.borrow() {
                return;
            }
            match self.deliver(turn, &event).await {
                Ok(true) => {}
                Ok(false) => return,
                // Nothing was noted, so it is delivered again.
                Err(error) => {
                    let gpt = turn.claimed.webhook.gpt_id.as_str();
                    tracing::warn!(gpt, cause = chain(&error), "a delivery cannot be noted");
                    turn.is_over.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    /// Makes one attempt. False when the object's next change must wait.
    async fn deliver(&self, turn: &Turn<'_>, event: &DueEvent) -> Result<bool, Error> {
        let (claimed, webhook) = (turn.claimed, &turn.claimed.webhook);
        let (store, counters) = (self.queue.store(), self.queue.counters());
        let body = store.event_body(&webhook.gpt_id, event).await?;
        if body.is_none() && event.kind != EventKind::Deleted {
            // Somebody else has delivered it, so the webhook is no longer ours.
            return Ok(false);
        }
        let message = Message::new(webhook.gpt_id.as_str(), event, body.as_ref())?;
        let answer = self.deliverer.deliver(&webhook.url, &message, &turn.keys);
        let is_held = match answer.await {
            Answer::Accepted(status) => {
                turn.delivered.fetch_add(1, Ordering::Relaxed);
                JobCounters::note(&counters.events_delivered);
                let now = Timestamp::now();
                store.note_delivered(claimed, event, status, now).await?
            }
            Answer::Gone => {
                turn.is_over.store(true, Ordering::Relaxed);
                self.disable(webhook).await?;
                return Ok(false);
            }
            Answer::Failed {
                status,
                error,
                pause,
            } => {
                turn.failed.fetch_add(1, Ordering::Relaxed);
                let error = error.as_str();
                let held = self.put_off(turn, event, Attempt { status, error }, pause);
                held.await? && event.attempts + 1 >= self.settings.attempts
            }
        };
        Ok(is_held)
    }

    /// Puts the event off, or makes a dead letter of it. False when somebody else forwards by now.
    async fn put_off(
        &self,
        turn: &Turn<'_>,
        event: &DueEvent,
        attempt: Attempt<'_>,
        asked: Option<Duration>,
    ) -> Result<bool, Error> {
        let (store, counters) = (self.queue.store(), self.queue.counters());
        let gpt = turn.claimed.webhook.gpt_id.as_str();
        let (message, cause) = (event.message_id(), attempt.error);
        let attempts = event.attempts + 1;
        let now = Timestamp::now();
        if attempts >= self.settings.attempts {
            JobCounters::note(&counters.events_failed);
            tracing::error!(gpt, message, cause, "a change is given up");
            return Ok(store.fail_event(turn.claimed, event, attempt, now).await?);
        }
        JobCounters::note(&counters.events_put_off);
        tracing::warn!(gpt, message, cause, attempts, "a change was not taken");
        let pause = pause(attempts, getrandom::u32().unwrap_or_default());
        let pause = asked.unwrap_or_default().clamp(pause, LONGEST_PAUSE);
        let again = now.plus(pause);
        Ok(store
            .put_off_event(turn.claimed, event, attempt, again)
            .await?)
    }

    async fn disable(&self, webhook: &WebhookRow) -> Result<(), Error> {
        let gpt = webhook.gpt_id.as_str();
        tracing::warn!(
            gpt,
            "the receiver answered 410: nothing is forwarded any more"
        );
        let reason = "the receiver answered 410 Gone";
        let store = self.queue.store();
        let disabled = store.disable_webhook(webhook, reason, Timestamp::now());
        Ok(disabled.await?)
    }
}

impl Turn<'_> {
    /// Whether no delivery may begin: the time is over, or nothing has been taken and a few failed.
    fn must_end(&self) -> bool {
        let is_dead =
            self.delivered.load(Ordering::Relaxed) == 0 && self.failed.load(Ordering::Relaxed) > 0;
        is_dead || self.is_over.load(Ordering::Relaxed) || Instant::now() >= self.ends
    }
}

/// The changes of each object, in their order; objects in the order of their first.
fn by_object(events: Vec<DueEvent>) -> Vec<Vec<DueEvent>> {
    let mut places = HashMap::new();
    let mut objects: Vec<Vec<DueEvent>> = Vec::new();
    for event in events {
        let place = *places.entry(event.object_id).or_insert_with(|| {
            objects.push(Vec::new());
            objects.len() - 1
        });
        objects[place].push(event);
    }
    objects
}

/// How long a webhook is left alone where nothing could be delivered so often in a row.
fn rest(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        _ => Duration::from_secs(2_u64.saturating_pow(failures)).min(LONGEST_REST),
    }
}

/// The pause after so many attempts. A quarter of it is at random, so that what failed together does
/// not come back together.
fn pause(attempts: u32, random: u32) -> Duration {
    let tripled = 3_u32.saturating_pow(attempts.saturating_sub(1));
    let whole = FIRST_PAUSE.saturating_mul(tripled).min(LONGEST_PAUSE);
    whole - (whole / 4).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_triple_up_to_six_hours() {
        let seconds = |attempts, random| pause(attempts, random).as_secs_f64();
        assert_eq!([seconds(1, 0), seconds(1, u32::MAX)], [5.0, 3.75]);
        assert_eq!([seconds(3, 0), seconds(3, u32::MAX)], [45.0, 33.75]);
        assert_eq!(
            [seconds(99, 0), seconds(99, u32::MAX)],
            [21_600.0, 16_200.0]
        );
        assert_eq!(
            [rest(0), rest(1), rest(99)].map(|rest| rest.as_secs()),
            [0, 2, 60]
        );
    }
}
