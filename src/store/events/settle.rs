//! What became of a delivery. All that a worker writes names its claim, so that one which stood
//! still for longer than its lease writes nothing over its successor.

use sea_orm::{ConnectionTrait, Value};

use super::{ClaimedWebhook, DueEvent};
use crate::clock::Timestamp;
use crate::store::{Store, StoreError};

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: &'a str,
}

impl Attempt<'_> {
    fn values(self) -> [Value; 2] {
        [self.status.map(i32::from).into(), self.error.into()]
    }
}

impl Store {
    /// Notes that the event was accepted, and forgets its body. False when somebody else forwards
    /// for the GPT by now.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn note_delivered(
        &self,
        claimed: &ClaimedWebhook,
        event: &DueEvent,
        status: u16,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let assignments = "state = 'delivered', body = NULL, attempts = attempts + 1, \
             status = $5, error = NULL, finished_at = $6";
        let values = [i32::from(status).into(), now.into()];
        self.settle(claimed, event, assignments, "seq = $4", values)
            .await
    }

    /// Puts the event off until `run_at`, with all that wait behind it. False as above.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn put_off_event(
        &self,
        claimed: &ClaimedWebhook,
        event: &DueEvent,
        attempt: Attempt<'_>,
        run_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let assignments = "run_at = CASE WHEN run_at > $7 THEN run_at ELSE $7 END, \
             attempts = attempts + CASE WHEN seq = $4 THEN 1 ELSE 0 END, \
             status = CASE WHEN seq = $4 THEN $5 ELSE status END, \
             error = CASE WHEN seq = $4 THEN $6 ELSE error END";
        let [status, error] = attempt.values();
        let values = [status, error, run_at.into()];
        self.settle(claimed, event, assignments, "seq >= $4", values)
            .await
    }

    /// Makes a dead letter of the event. False as above.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn fail_event(
        &self,
        claimed: &ClaimedWebhook,
        event: &DueEvent,
        attempt: Attempt<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let assignments = "state = 'failed', attempts = attempts + 1, status = $5, error = $6, \
             finished_at = $7";
        let [status, error] = attempt.values();
        let values = [status, error, now.into()];
        self.settle(claimed, event, assignments, "seq = $4", values)
            .await
    }

    async fn settle(
        &self,
        claimed: &ClaimedWebhook,
        event: &DueEvent,
        assignments: &str,
        which: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<bool, StoreError> {
        let key: [Value; 4] = [
            (&claimed.webhook.gpt_id).into(),
            claimed.claim.as_str().into(),
            event.object_id.into(),
            event.seq.into(),
        ];
        let statement = sea_orm::Statement::from_sql_and_values(
            self.database().dialect(),
            format!(
                "UPDATE events SET {assignments} WHERE gpt_id = $1 AND object_id = $3 AND {which} \
                 AND state = 'pending' AND EXISTS (SELECT 1 FROM webhooks w \
                 WHERE w.gpt_id = $1 AND w.locked_by = $2)"
            ),
            key.into_iter().chain(values),
        );
        let written = self.database().writes().execute_raw(statement).await?;
        Ok(written.rows_affected() > 0)
    }
}
