//! What a worker does to the jobs that it has.
//!
//! Whoever claims a job holds it until its lease ends. All that a holder writes names its claim, so
//! that a worker which stood still for longer than its lease writes nothing over its successor.

use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::rows::JobRow;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::store::entity::jobs;
use crate::store::{Store, StoreError};

/// The right to work on a job, while its lease lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Whose job it is; empty for the house's.
    gpt_id: String,
    id: Uuid,
    /// Names this claim among all that there ever were.
    claim: String,
}

impl Holding {
    /// The job's id.
    #[must_use]
    pub fn job_id(&self) -> Uuid {
        self.id
    }
}

impl Store {
    /// Claims up to `limit` jobs of these `kinds` that are due at `now`, or whose worker has not
    /// renewed its lease, for the worker of this name until `until`. Nobody else gets them before
    /// then.
    ///
    /// A job whose last attempt was left behind becomes a dead letter instead.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn claim_jobs(
        &self,
        kinds: &[&'static str],
        worker: &str,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<(JobRow, Holding)>, StoreError> {
        let claim = format!("{worker}/{}", Uuid::now_v7().simple());
        let kinds = format!("kind IN ('{}')", kinds.join("', '"));
        self.bury_jobs(&kinds, now).await?;
        let statement = self.claim_statement(&kinds, &claim, now, until, limit);
        let rows = self.database().writes().query_all_raw(statement).await?;
        let claimed = rows.iter().map(|row| {
            let row = jobs::Model::from_query_result(row, "")?;
            let holding = Holding {
                gpt_id: row.gpt_id.clone(),
                id: row.id,
                claim: claim.clone(),
            };
            Ok((JobRow::try_from(row)?, holding))
        });
        claimed.collect()
    }

    /// What was left behind goes first: it has waited the longest.
    fn claim_statement(
        &self,
        kinds: &str,
        claim: &str,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Statement {
        let skip_locked = self.locking(" FOR UPDATE SKIP LOCKED");
        self.statement(
            format!(
                "WITH left_behind AS (SELECT gpt_id, id FROM jobs \
                 WHERE state = 'running' AND lease_until <= $2 AND {kinds} \
                 ORDER BY lease_until LIMIT {limit}{skip_locked}), \
                 due AS (SELECT gpt_id, id FROM jobs \
                 WHERE state = 'queued' AND run_at <= $2 AND {kinds} \
                 ORDER BY run_at LIMIT {limit}{skip_locked}), \
                 next AS (SELECT gpt_id, id FROM left_behind \
                 UNION ALL SELECT gpt_id, id FROM due LIMIT {limit}) \
                 UPDATE jobs SET state = 'running', attempts = attempts + 1, locked_by = $1, \
                 lease_until = $3, updated_at = $2 \
                 WHERE (gpt_id, id) IN (SELECT gpt_id, id FROM next) RETURNING *"
            ),
            [claim.into(), now.into(), until.into()],
        )
    }

    /// Makes dead letters of the jobs whose last attempt ended without a word: the job itself may
    /// be what ends its workers.
    async fn bury_jobs(&self, kinds: &str, now: Timestamp) -> Result<(), StoreError> {
        let bury = self.statement(
            format!(
                "UPDATE jobs SET state = 'failed', error = 'the worker ended without a word', \
                 locked_by = NULL, lease_until = NULL, finished_at = $1, updated_at = $1 \
                 WHERE state = 'running' AND lease_until <= $1 AND attempts >= max_attempts \
                 AND {kinds}"
            ),
            [now.into()],
        );
        self.database().writes().execute_raw(bury).await?;
        Ok(())
    }

    /// Renews the lease until `until`. False when somebody else has the job by now.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn renew_job(&self, held: &Holding, until: Timestamp) -> Result<bool, StoreError> {
        self.write_held("lease_until = $4", held, [until.into()])
            .await
    }

    /// Keeps what was done so far. False as above.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn note_job_progress(
        &self,
        held: &Holding,
        progress: &Document,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let writes = self.database().writes();
        let noted = writes
            .execute_raw(self.progress_statement(held, progress, now))
            .await?;
        Ok(noted.rows_affected() == 1)
    }

    /// Keeps `progress`, if the job is still held; whoever makes progress has all attempts again.
    /// Within the transaction of what was done it is the fence: when it changes no row, somebody
    /// else has the job, and the transaction must not be committed.
    pub(in crate::store) fn progress_statement(
        &self,
        held: &Holding,
        progress: &Document,
        now: Timestamp,
    ) -> Statement {
        let assignments = "progress = json($4), attempts = 1, updated_at = $5";
        self.held_statement(assignments, held, [progress.into(), now.into()])
    }

    /// Ends a job that is done. False as above.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn complete_job(
        &self,
        held: &Holding,
        result: &Document,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let assignments = "state = 'succeeded', result = json($4), error = NULL, \
             locked_by = NULL, lease_until = NULL, finished_at = $5, updated_at = $5";
        self.write_held(assignments, held, [result.into(), now.into()])
            .await
    }

    /// Puts a job that failed off to `again`. False as above.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn put_off_job(
        &self,
        held: &Holding,
        error: &str,
        again: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let assignments = "state = 'queued', error = $4, run_at = $5, \
             locked_by = NULL, lease_until = NULL, updated_at = $6";
        self.write_held(assignments, held, [error.into(), again.into(), now.into()])
            .await
    }

    /// Makes a dead letter of a job. False as above.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn fail_job(
        &self,
        held: &Holding,
        error: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let assignments = "state = 'failed', error = $4, \
             locked_by = NULL, lease_until = NULL, finished_at = $5, updated_at = $5";
        self.write_held(assignments, held, [error.into(), now.into()])
            .await
    }

    /// Gives a job back that was not finished, and does not count the attempt. False as above.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn hand_back_job(&self, held: &Holding, now: Timestamp) -> Result<bool, StoreError> {
        let assignments = "state = 'queued', run_at = $4, attempts = attempts - 1, \
             locked_by = NULL, lease_until = NULL, updated_at = $4";
        self.write_held(assignments, held, [now.into()]).await
    }

    async fn write_held<const N: usize>(
        &self,
        assignments: &str,
        held: &Holding,
        values: [Value; N],
    ) -> Result<bool, StoreError> {
        let write = self.held_statement(assignments, held, values);
        let written = self.database().writes().execute_raw(write).await?;
        Ok(written.rows_affected() == 1)
    }

    /// A change of a job by whoever holds it; `$4` stands for the first of `values`.
    fn held_statement<const N: usize>(
        &self,
        assignments: &str,
        held: &Holding,
        values: [Value; N],
    ) -> Statement {
        let holder: [Value; 3] = [
            held.gpt_id.as_str().into(),
            held.id.into(),
            held.claim.as_str().into(),
        ];
        Statement::from_sql_and_values(
            self.database().dialect(),
            format!(
                "UPDATE jobs SET {assignments} \
                 WHERE gpt_id = $1 AND id = $2 AND locked_by = $3 AND state = 'running'"
            ),
            holder.into_iter().chain(values),
        )
    }
}
