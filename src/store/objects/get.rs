//! Reading one object; on PostgreSQL, many callers' in one statement.

use sea_orm::{ConnectionTrait, QueryResult};
use sqlx::Row;
use sqlx::postgres::{PgPool, PgRow};
use uuid::Uuid;

use crate::ids::{GptId, Tenant};
use crate::store::coalesce::{AsyncServe, Queue, Request, Tasks};
use crate::store::connect::Database;
use crate::store::{ObjectRow, Store, StoreError};

impl Store {
    /// The tenant's object with this id, unless it lies in a collection that the caller may not see.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_object(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<Option<ObjectRow>, StoreError> {
        let row = match &self.inner.reads.queue {
            Some(queue) => {
                let key = (tenant.gpt_id().clone(), id);
                queue.ask(key).await?.map(QueryResult::from)
            }
            None => {
                let key = [tenant.gpt_id().into(), id.into()];
                let statement = self.statement(FIND_ONE, key);
                self.database().reads().query_one_raw(statement).await?
            }
        };
        // The caller's task decodes the row: the readers only fetch.
        let object = row.map(|row| ObjectRow::read(&row, 0)).transpose()?;
        Ok(object.filter(|object| tenant.sees(&object.collection)))
    }
}

const FIND_ONE: &str = "SELECT o.id, o.collection, o.body, o.version, o.created_at, o.updated_at \
     FROM objects o WHERE o.gpt_id = $1 AND o.id = $2";

/// An object's key, and the row that was found.
type Read = Request<(GptId, Uuid), Option<PgRow>>;

/// The queue of objects to be read; SQLite reads are so short that they need none.
pub(in crate::store) struct Reads {
    queue: Option<Queue<(GptId, Uuid), Option<PgRow>>>,
}

impl Reads {
    pub(in crate::store) fn start(database: &Database, tasks: &mut Tasks) -> Self {
        const READERS: usize = 4;
        let queue = match database {
            Database::Postgres { pool, .. } => {
                let pool = pool.get_postgres_connection_pool().clone();
                Some(tasks.start(READERS, Reader { pool }))
            }
            Database::Sqlite { .. } => None,
        };
        Self { queue }
    }
}

struct Reader {
    pool: PgPool,
}

impl AsyncServe<(GptId, Uuid), Option<PgRow>> for Reader {
    async fn serve(&self, batch: Vec<Read>) {
        match self.find(&batch).await {
            Ok(rows) => {
                for (read, row) in batch.into_iter().zip(rows) {
                    read.answer(Ok(row));
                }
            }
            Err(error) => {
                for read in batch {
                    read.answer(Err(error.clone()));
                }
            }
        }
    }
}

impl Reader {
    /// The rows of `batch`, in its order. A request that came alone is spared the arrays.
    async fn find(&self, batch: &[Read]) -> Result<Vec<Option<PgRow>>, StoreError> {
        match batch {
            [read] => Ok(vec![self.find_one(&read.question).await?]),
            _ => self.find_many(batch).await,
        }
    }

    async fn find_one(&self, (gpt_id, id): &(GptId, Uuid)) -> Result<Option<PgRow>, StoreError> {
        let find = sqlx::query(FIND_ONE).bind(gpt_id.as_str()).bind(id);
        Ok(find.fetch_optional(&self.pool).await?)
    }

    async fn find_many(&self, batch: &[Read]) -> Result<Vec<Option<PgRow>>, StoreError> {
        /// `OFFSET 0` keeps the lookup a lookup: without it the planner may turn the whole into a
        /// join that reads all objects, whenever it thinks that there are few.
        const FIND: &str = "SELECT o.*, u.n \
             FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS u (gpt_id, id, n) \
             CROSS JOIN LATERAL (\
                 SELECT id, collection, body, version, created_at, updated_at \
                 FROM objects WHERE gpt_id = u.gpt_id AND id = u.id OFFSET 0) AS o";
        const ORDINAL: usize = 6;
        let (gpt_ids, ids): (Vec<&str>, Vec<Uuid>) = batch
            .iter()
            .map(
                |Request {
                     question: (gpt_id, id),
                     ..
                 }| (gpt_id.as_str(), *id),
            )
            .unzip();
        let find = sqlx::query(FIND).bind(gpt_ids).bind(ids);
        let mut rows: Vec<Option<PgRow>> = batch.iter().map(|_| None).collect();
        for row in find.fetch_all(&self.pool).await? {
            let place: i64 = row.try_get(ORDINAL)?;
            let slot = usize::try_from(place - 1)
                .ok()
                .and_then(|place| rows.get_mut(place));
            *slot.ok_or_else(|| StoreError::bug("an ordinal out of range"))? = Some(row);
        }
        Ok(rows)
    }
}
