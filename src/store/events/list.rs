//! Events as the operator sees them, and what the operator does about them.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::claim::WITHOUT_BODY;
use super::{EventRow, EventState};
use crate::clock::Timestamp;
use crate::ids::GptId;
use crate::store::entity::events::{self, Column};
use crate::store::keyset::{Position, seek};
use crate::store::{Store, StoreError};

/// Which events, the latest first.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Those of this GPT.
    pub gpt_id: GptId,
    /// Those in this state.
    pub state: Option<EventState>,
    /// Those before this event, which is the last of the page before.
    pub after: Option<Position>,
    /// Most events on the page.
    pub limit: u32,
}

impl Store {
    /// A page of events, the latest first.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_events(&self, query: &EventQuery) -> Result<Vec<EventRow>, StoreError> {
        let mut found = events::Entity::find()
            .filter(Column::GptId.eq(query.gpt_id.as_str()))
            .apply_if(query.state, |found, state| {
                found.filter(Column::State.eq(state.as_str()))
            })
            .select_only()
            .columns(WITHOUT_BODY)
            .column_as(Expr::cust("NULL"), "body");
        let select = QueryTrait::query(&mut found);
        select.limit(u64::from(query.limit));
        let order = (Column::ChangedAt, Column::ObjectId);
        seek(select, order, query.after, false);
        let rows = found.all(self.database().reads()).await?;
        rows.into_iter().map(EventRow::try_from).collect()
    }

    /// Lets the GPT's dead letters be delivered again, now and before what is younger. Says how many.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn retry_failed_events(&self, gpt_id: &GptId) -> Result<u64, StoreError> {
        let retry = self.statement(
            "UPDATE events SET state = 'pending', attempts = 0, run_at = changed_at, \
             finished_at = NULL WHERE gpt_id = $1 AND state = 'failed'",
            [gpt_id.into()],
        );
        let now = self.statement(
            "UPDATE webhooks SET failures = 0, run_at = created_at WHERE gpt_id = $1",
            [gpt_id.into()],
        );
        let writes = self.database().writes();
        let retried = writes.execute_raw(retry).await?.rows_affected();
        // Only a turn that is under way now puts it off again.
        writes.execute_raw(now).await?;
        Ok(retried)
    }

    /// Forgets the changes before `delivered` that were delivered, and all before `others`. Says how
    /// many, and how many of those were never delivered.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn prune_events(
        &self,
        delivered: Timestamp,
        others: Timestamp,
    ) -> Result<(u64, u64), StoreError> {
        let delivered = events::Entity::delete_many()
            .filter(Column::ChangedAt.lt(delivered))
            .filter(Column::State.eq(EventState::Delivered.as_str()))
            .exec(self.database().writes())
            .await?;
        let others = events::Entity::delete_many().filter(Column::ChangedAt.lt(others));
        let others = others.exec(self.database().writes()).await?;
        let lost = others.rows_affected;
        Ok((delivered.rows_affected + lost, lost))
    }
}
