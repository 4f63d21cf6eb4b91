//! Events in this program's own types.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::{CollectionName, GptId};
use crate::store::StoreError;
use crate::store::entity::events;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was created, or imported.
    Created,
    /// It has another body.
    Updated,
    /// It was deleted, by itself or with its collection.
    Deleted,
}

impl EventKind {
    /// All of them.
    const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// As the database has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// As receivers are told.
    #[must_use]
    pub fn message_type(self) -> &'static str {
        match self {
            Self::Created => "object.created",
            Self::Updated => "object.updated",
            Self::Deleted => "object.deleted",
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| StoreError::bug(format!("an event of the kind {text}")))
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventState {
    /// It is to be delivered, now or later.
    Pending,
    /// It was accepted.
    Delivered,
    /// It is a dead letter: nobody tries again unless told to.
    Failed,
}

impl EventState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// As the database has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// An event that is to be delivered; its body is read when its turn has come.
#[derive(Clone, Debug, PartialEq)]
pub struct DueEvent {
    /// The object.
    pub object_id: Uuid,
    /// Counts the events of the object.
    pub seq: i64,
    /// The change that it is part of, as the record of calls names it.
    pub change_id: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// The object's collection.
    pub collection: CollectionName,
    /// The object's version; of a deleted one, its last.
    pub version: i64,
    /// When the object was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When this change was made.
    pub changed_at: Timestamp,
    /// Attempts before.
    pub attempts: u32,
}

impl DueEvent {
    /// Names its delivery in every attempt: a change has one event of an object.
    #[must_use]
    pub fn message_id(&self) -> String {
        format!("{}_{}", self.change_id, self.object_id)
    }
}

impl TryFrom<events::Model> for DueEvent {
    type Error = StoreError;

    fn try_from(row: events::Model) -> Result<Self, StoreError> {
        Ok(Self {
            object_id: row.object_id,
            seq: row.seq,
            change_id: row.change_id,
            kind: EventKind::read(&row.kind)?,
            collection: row.collection.parse().map_err(StoreError::bug)?,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            changed_at: row.changed_at,
            attempts: row.attempts.cast_unsigned(),
        })
    }
}

/// An event as the operator sees it, without the body.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Whose object it was.
    pub gpt_id: GptId,
    /// What happened, and when.
    pub event: DueEvent,
    /// What became of it.
    pub state: EventState,
    /// When it is tried, or was to be tried.
    pub run_at: Timestamp,
    /// The HTTP status that the last attempt was answered with.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was accepted or given up.
    pub finished_at: Option<Timestamp>,
}

impl TryFrom<events::Model> for EventRow {
    type Error = StoreError;

    fn try_from(row: events::Model) -> Result<Self, StoreError> {
        let mut states = EventState::ALL.into_iter();
        let state = states.find(|state| state.as_str() == row.state);
        Ok(Self {
            gpt_id: row.gpt_id.parse().map_err(StoreError::bug)?,
            state: state.ok_or_else(|| StoreError::bug("an event in an unknown state"))?,
            run_at: row.run_at,
            status: row.status.and_then(|status| status.try_into().ok()),
            error: row.error.clone(),
            finished_at: row.finished_at,
            event: row.try_into()?,
        })
    }
}
