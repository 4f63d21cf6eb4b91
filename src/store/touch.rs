//! Times of last use of what belongs to a tenant, written many at a time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;

use super::transaction::Retry;
use super::{Backend, Store, StoreError};
use crate::clock::Timestamp;
use crate::ids::GptId;

/// When what was used last, by GPT and id.
pub type Uses = BTreeMap<(GptId, Uuid), Timestamp>;

/// Most rows of one statement: SQLite takes 32,766 parameters.
const BATCH: usize = 5000;

/// What was used.
#[derive(Clone, Copy)]
pub(super) enum Touched {
    Applications,
    Sessions,
}

impl Touched {
    /// The table, and the column with the time.
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Applications => ("applications", "last_used"),
            Self::Sessions => ("sessions", "last_activity"),
        }
    }
}

impl Store {
    /// Moves times of last use forward, never back.
    pub(super) async fn touch(&self, touched: Touched, uses: &Uses) -> Result<(), StoreError> {
        let uses: Vec<_> = uses.iter().collect();
        for batch in uses.chunks(BATCH) {
            let mut retry = Retry::default();
            loop {
                let result = self.try_touch(touched, batch).await;
                if !retry.again(&result).await {
                    result?;
                    break;
                }
            }
        }
        Ok(())
    }

    async fn try_touch(&self, touched: Touched, batch: &[Use<'_>]) -> Result<(), StoreError> {
        let statement = match self.backend() {
            Backend::Postgres => self.touch_many_on_postgres(touched, batch),
            Backend::Sqlite => touch_many_on_sqlite(touched, batch),
        };
        self.database().writes().execute_raw(statement).await?;
        Ok(())
    }

    fn touch_many_on_postgres(&self, touched: Touched, batch: &[Use<'_>]) -> Statement {
        let (table, column) = touched.place();
        let gpts: Vec<_> = batch.iter().map(|((gpt, _), _)| gpt.to_string()).collect();
        let ids: Vec<Uuid> = batch.iter().map(|((_, id), _)| *id).collect();
        let times: Vec<DateTime<Utc>> = batch.iter().map(|(_, at)| (**at).into()).collect();
        self.statement(
            format!(
                "UPDATE {table} t SET {column} = greatest(t.{column}, u.at) \
                 FROM unnest($1::text[], $2::uuid[], $3::timestamptz[]) AS u (gpt_id, id, at) \
                 WHERE t.gpt_id = u.gpt_id AND t.id = u.id"
            ),
            [gpts.into(), ids.into(), times.into()],
        )
    }
}

type Use<'a> = (&'a (GptId, Uuid), &'a Timestamp);

/// SQLite has no arrays; its `VALUES` names its columns `column1` and so on.
fn touch_many_on_sqlite(touched: Touched, batch: &[Use<'_>]) -> Statement {
    let (table, column) = touched.place();
    let rows = vec!["(?, ?, ?)"; batch.len()].join(", ");
    let values = batch
        .iter()
        .flat_map(|((gpt, id), at)| [Value::from(gpt), Value::from(*id), Value::from(**at)]);
    Statement::from_sql_and_values(
        DbBackend::Sqlite,
        format!(
            "UPDATE {table} SET {column} = max(coalesce({column}, ''), u.column3) \
             FROM (VALUES {rows}) AS u WHERE gpt_id = u.column1 AND id = u.column2"
        ),
        values,
    )
}
