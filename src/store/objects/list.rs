//! Pages of a collection's objects.
//!
//! The statement reads one range of the page index, however deep it lies. A large body is left out
//! of it (only its size comes along) and fetched when the page has room for it, so that a page of
//! 200 objects of 1 MiB each does not pull 200 MiB to keep the first.
//!
//! A filter is part of the statement on PostgreSQL. On SQLite it is applied here, to batches, with
//! a function that agrees with PostgreSQL's `@>`.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use sea_orm::sea_query::extension::postgres::PgBinOper;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::document::Document;
use crate::document::contains::Pattern;
use crate::ids::{CollectionName, Tenant};
use crate::store::entity::objects::{Column, Entity};
use crate::store::keyset::{Position, seek};
use crate::store::values::postgres_arguments;
use crate::store::{Backend, ObjectRow, Store, StoreError};

/// Which objects of a collection.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// The object after which the page begins, in the direction of the list.
    pub after: Option<Position>,
    /// Oldest first; newest first otherwise.
    pub ascending: bool,
    /// Most objects on the page.
    pub limit: u32,
    /// Only objects created later than this.
    pub created_after: Option<Timestamp>,
    /// Only objects created earlier than this.
    pub created_before: Option<Timestamp>,
    /// Only objects whose body contains this document (PostgreSQL's `@>`).
    pub filter: Option<Document>,
    /// The page ends before an object with which the bodies, and 200 bytes for each object, would
    /// exceed this; but it has at least one object.
    pub max_bytes: usize,
}

/// A page of objects.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The objects, in the direction of the list.
    pub items: Vec<ObjectRow>,
    /// Whether there may be more behind `position`.
    pub more: bool,
    /// How far the page has looked: the next page begins behind it. It may lie beyond the last
    /// item when a filter left objects out; `None` when there was nothing to look at.
    pub position: Option<Position>,
}

impl Store {
    /// A page of the tenant's objects in `collection`; empty when there is no such collection.
    ///
    /// # Errors
    ///
    /// What the database reports. On PostgreSQL a filter that takes too long is
    /// [`crate::store::StoreErrorKind::Timeout`]; on SQLite the page ends early instead.
    pub async fn list_objects(
        &self,
        tenant: &Tenant,
        collection: &CollectionName,
        query: &ListQuery,
    ) -> Result<Page, StoreError> {
        if !tenant.sees(collection) {
            return Ok(Page::default());
        }
        let mut listing = Listing::new(self, tenant, collection, query);
        while listing.take_batch().await? {}
        Ok(listing.page)
    }
}

/// A page in the making.
struct Listing<'a> {
    store: &'a Store,
    tenant: &'a Tenant,
    collection: &'a CollectionName,
    query: &'a ListQuery,
    pattern: Option<Pattern>,
    page: Page,
    bytes: usize,
    deadline: Instant,
}

/// A row of the page statement. Its object is missing while the body is left out.
struct Scanned {
    position: Position,
    stored_size: usize,
    object: Option<ObjectRow>,
}

/// What an object costs on a page besides its body: its other members, and separators.
const BYTES_BESIDE_BODY: usize = 200;

/// Objects that SQLite reads at once to filter them.
const FILTER_BATCH: usize = 128;

impl<'a> Listing<'a> {
    fn new(
        store: &'a Store,
        tenant: &'a Tenant,
        collection: &'a CollectionName,
        query: &'a ListQuery,
    ) -> Self {
        /// Longest that a filter reads on SQLite for one page.
        const LONGEST: Duration = Duration::from_secs(20);
        Self {
            store,
            tenant,
            collection,
            query,
            pattern: query.filter.as_ref().map(Pattern::new),
            page: Page {
                position: query.after,
                ..Page::default()
            },
            bytes: 0,
            deadline: Instant::now() + LONGEST,
        }
    }

    /// Reads the next rows. False when the page is finished.
    async fn take_batch(&mut self) -> Result<bool, StoreError> {
        let wanted = match self.filters_here() {
            true => FILTER_BATCH,
            false => self.query.limit as usize + 1 - self.page.items.len(),
        };
        let mut rows = self.scan(wanted).await?;
        for index in 0..rows.len() {
            let withheld = rows[index].object.is_none();
            if withheld {
                self.fetch_bodies(&mut rows[index..]).await?;
            }
            let object = rows[index].object.take();
            // An object may have been deleted, or changed, before its body was fetched.
            let wanted = object.filter(|object| {
                let decided = !withheld && !self.filters_here();
                decided || self.matches(object)
            });
            if wanted.is_some_and(|object| !self.put(object)) {
                self.page.more = true;
                return Ok(false);
            }
            self.page.position = Some(rows[index].position);
        }
        let out_of_time = Instant::now() >= self.deadline;
        self.page.more = rows.len() == wanted && out_of_time;
        Ok(rows.len() == wanted && !out_of_time)
    }

    /// Puts the object on the page. False when there is no room.
    fn put(&mut self, object: ObjectRow) -> bool {
        let bytes = self.bytes + object.body.as_str().len() + BYTES_BESIDE_BODY;
        let full = self.page.items.len() == self.query.limit as usize
            || (bytes > self.query.max_bytes && !self.page.items.is_empty());
        if !full {
            self.bytes = bytes;
            self.page.items.push(object);
        }
        !full
    }

    fn filters_here(&self) -> bool {
        self.pattern.is_some() && self.store.backend() == Backend::Sqlite
    }

    fn matches(&self, object: &ObjectRow) -> bool {
        let pattern = self.pattern.as_ref();
        pattern.is_none_or(|pattern| pattern.matches(object.body.as_str()))
    }

    /// The next `wanted` rows behind the page's position.
    async fn scan(&self, wanted: usize) -> Result<Vec<Scanned>, StoreError> {
        let statement = page_statement(
            self.store.database().dialect(),
            self.tenant,
            self.collection,
            &ListQuery {
                after: self.page.position,
                ..self.query.clone()
            },
            wanted,
        );
        let rows = match &self.query.filter {
            Some(_) if !self.filters_here() => self.store.query_planned_anew(statement).await?,
            _ => {
                self.store
                    .database()
                    .reads()
                    .query_all_raw(statement)
                    .await?
            }
        };
        let scanned = rows.iter().map(|row| Scanned::read(row, self.collection));
        Ok(scanned.collect::<Result<_, _>>()?)
    }

    /// Fetches the first of `rows`, and as many of the following as the page may have room for.
    async fn fetch_bodies(&self, rows: &mut [Scanned]) -> Result<(), StoreError> {
        const MOST_AT_ONCE: usize = 64;
        let mut room = match self.filters_here() {
            true => 4 << 20,
            false => self.query.max_bytes.saturating_sub(self.bytes),
        };
        let mut missing: Vec<&mut Scanned> = Vec::new();
        for row in rows.iter_mut().filter(|row| row.object.is_none()) {
            let fits = row.stored_size <= room && missing.len() < MOST_AT_ONCE;
            if !fits && !missing.is_empty() {
                break;
            }
            room = room.saturating_sub(row.stored_size);
            missing.push(row);
        }
        let ids = missing.iter().map(|row| row.position.1);
        let gets = ids.map(|id| self.store.get_object(self.tenant, id));
        let objects = try_join_all(gets).await?;
        for (row, object) in missing.into_iter().zip(objects) {
            row.object = object;
        }
        Ok(())
    }
}

impl Store {
    /// Runs a statement on PostgreSQL with a plan for its very values.
    ///
    /// How to serve `body @> …` best depends on how rare the document is. A prepared statement may
    /// get a plan that assumes a common one, and then reads a whole collection for a rare one.
    async fn query_planned_anew(
        &self,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let arguments = postgres_arguments(statement.values)?;
        let rows = sqlx::query_with(sqlx::AssertSqlSafe(statement.sql), arguments)
            .persistent(false)
            .fetch_all(self.database().reads().get_postgres_connection_pool())
            .await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

impl Scanned {
    /// Reads the columns of [`page_statement`].
    fn read(row: &QueryResult, collection: &CollectionName) -> Result<Self, DbErr> {
        let id: Uuid = row.try_get_by_index(0)?;
        let version: i64 = row.try_get_by_index(1)?;
        let created_at: Timestamp = row.try_get_by_index(2)?;
        let updated_at: Timestamp = row.try_get_by_index(3)?;
        let stored_size: i64 = row.try_get_by_index(4)?;
        let body: Option<Document> = row.try_get_by_index(5)?;
        Ok(Self {
            position: (created_at, id),
            stored_size: usize::try_from(stored_size).unwrap_or_default(),
            object: body.map(|body| ObjectRow {
                id,
                collection: collection.clone(),
                body,
                version,
                created_at,
                updated_at,
            }),
        })
    }
}

/// The first `limit` rows of `query`.
pub(in crate::store) fn page_statement(
    dialect: DbBackend,
    tenant: &Tenant,
    collection: &CollectionName,
    query: &ListQuery,
    limit: usize,
) -> Statement {
    let (stored_size, small_body) = match dialect {
        // What PostgreSQL keeps within the row, and uncompressed, is at most 2 kB.
        DbBackend::Postgres => (
            "pg_column_size(body)::bigint",
            "CASE WHEN pg_column_size(body) <= 2000 AND pg_column_compression(body) IS NULL \
             THEN body END",
        ),
        _ => (
            "octet_length(body)",
            "CASE WHEN octet_length(body) <= 16384 THEN body END",
        ),
    };
    let mut select = Query::select();
    select
        .columns([
            Column::Id,
            Column::Version,
            Column::CreatedAt,
            Column::UpdatedAt,
        ])
        .expr(Expr::cust(stored_size))
        .expr(Expr::cust(small_body))
        .from(Entity)
        .and_where(Expr::col(Column::GptId).eq(tenant.gpt_id()))
        .and_where(Expr::col(Column::Collection).eq(collection));
    if let Some(time) = query.created_after {
        select.and_where(Expr::col(Column::CreatedAt).gt(time));
    }
    if let Some(time) = query.created_before {
        select.and_where(Expr::col(Column::CreatedAt).lt(time));
    }
    if let Some(filter) = query
        .filter
        .as_ref()
        .filter(|_| dialect == DbBackend::Postgres)
    {
        let filter = Expr::val(filter.as_str()).cast_as("jsonb");
        select.and_where(Expr::col(Column::Body).binary(PgBinOper::Contains, filter));
    }
    let keys = (Column::CreatedAt, Column::Id);
    seek(&mut select, keys, query.after, query.ascending);
    let mut statement = dialect.build(&select);
    // As a parameter it would be a guess to PostgreSQL, which plans such a statement anew each time.
    statement.sql.push_str(&format!(" LIMIT {limit}"));
    statement
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::tests::support::{
        collection, create, document, migrated, notes, query, sqlite, tenant, time,
    };

    /// Without this bound, a filter that matches nothing would read a collection of any size.
    #[tokio::test]
    async fn a_filter_that_takes_too_long_ends_its_page() {
        let directory = TempDir::new().unwrap();
        let store = migrated(&sqlite(&directory)).await;
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let mut last = None;
        for number in (0..FILTER_BATCH as i64 + 1).rev() {
            let id = create(&store, &tenant, "notes", "{}", time(number)).await;
            if number == 1 {
                last = Some((time(number), id));
            }
        }
        let query = ListQuery {
            filter: Some(document(r#"{"none":true}"#)),
            ..query()
        };
        let mut listing = Listing::new(&store, &tenant, notes(), &query);
        listing.deadline = Instant::now();
        assert!(!listing.take_batch().await.unwrap());
        assert!(listing.page.more && listing.page.items.is_empty());
        assert_eq!(listing.page.position, last);
    }
}
