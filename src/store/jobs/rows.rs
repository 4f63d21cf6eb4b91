//! Jobs in this program's own types.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::document::Document;
use crate::ids::GptId;
use crate::store::StoreError;
use crate::store::entity::jobs;

/// A job to be added.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Whose it is; `None` for the house.
    pub gpt_id: Option<GptId>,
    /// UUID v7.
    pub id: Uuid,
    /// What is to be done.
    pub kind: &'static str,
    /// What it is to be done with.
    pub payload: Document,
    /// Of several with the same key one is added, as long as that one is known.
    pub unique_key: Option<String>,
    /// Attempts without progress before it is a dead letter, at least 1.
    pub max_attempts: u32,
    /// Not before this.
    pub run_at: Timestamp,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl NewJob {
    /// A job of the house that is due at `now`, with an empty payload and without a key.
    #[must_use]
    pub fn of_house(kind: &'static str, max_attempts: u32, now: Timestamp) -> Self {
        Self {
            gpt_id: None,
            id: Uuid::now_v7(),
            kind,
            payload: Document::from_canonical("{}".to_owned()),
            unique_key: None,
            max_attempts,
            run_at: now,
            created_at: now,
        }
    }
}

/// A job as the database has it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRow {
    /// Whose it is; `None` for the house.
    pub gpt_id: Option<GptId>,
    /// UUID v7.
    pub id: Uuid,
    /// What is to be done.
    pub kind: String,
    /// How far it is.
    pub state: JobState,
    /// When it is to run, or to run again.
    pub run_at: Timestamp,
    /// Attempts since it last made progress, the present one included.
    pub attempts: u32,
    /// Attempts without progress before it is a dead letter.
    pub max_attempts: u32,
    /// What it is to be done with.
    pub payload: Document,
    /// What was done so far; the job knows what it says.
    pub progress: Document,
    /// What it came to.
    pub result: Option<Document>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When this row changed last, renewals of the lease apart.
    pub updated_at: Timestamp,
    /// When it succeeded or became a dead letter.
    pub finished_at: Option<Timestamp>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits for its time, or for a worker.
    Queued,
    /// A worker has it, or had it and died.
    Running,
    /// It is done.
    Succeeded,
    /// It is a dead letter: nobody tries again unless told to.
    Failed,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed];

    /// As the database has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl TryFrom<jobs::Model> for JobRow {
    type Error = StoreError;

    fn try_from(row: jobs::Model) -> Result<Self, StoreError> {
        let gpt_id = Some(row.gpt_id).filter(|gpt_id| !gpt_id.is_empty());
        let gpt_id = gpt_id.map(|gpt_id| gpt_id.parse()).transpose();
        let state = JobState::ALL
            .into_iter()
            .find(|state| state.as_str() == row.state);
        Ok(Self {
            gpt_id: gpt_id.map_err(StoreError::bug)?,
            id: row.id,
            kind: row.kind,
            state: state.ok_or_else(|| StoreError::bug("a job in an unknown state"))?,
            run_at: row.run_at,
            attempts: row.attempts.cast_unsigned(),
            max_attempts: row.max_attempts.cast_unsigned(),
            payload: row.payload,
            progress: row.progress,
            result: row.result,
            error: row.error,
            created_at: row.created_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
        })
    }
}
