//! Creating objects, many callers' in one commit.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement};
use sqlx::PgExecutor;
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ids::{GptId, Tenant};
use crate::store::coalesce::{AsyncServe, Queue, Request, Tasks};
use crate::store::connect::Database;
use crate::store::events::{NotedChange, note_on_postgres, note_on_sqlite};
use crate::store::transaction::{Retry, begin, end};
use crate::store::{EventKind, NewObject, Store, StoreError};

/// Why an object was not created.
#[derive(Debug)]
pub enum CreateError {
    /// The collection is not there for the caller, or its version is not the one that the body was
    /// validated against.
    CollectionChanged,
    /// The database failed.
    Store(StoreError),
}

impl Store {
    /// Creates an object, durably, and says what names the change if it is forwarded. It does so under the version of the collection that it was validated
    /// against: a change of the schema that comes first makes this fail, and one that comes later
    /// waits for it.
    ///
    /// Concurrent calls share a statement and a commit. A caller that goes away while it waits may
    /// leave the object created.
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    pub async fn create_object(
        &self,
        tenant: &Tenant,
        object: NewObject,
    ) -> Result<Option<Uuid>, CreateError> {
        if !tenant.sees(&object.collection) {
            return Err(CreateError::CollectionChanged);
        }
        let change_id = object.is_forwarded.then(Uuid::now_v7);
        let member = Member {
            gpt_id: tenant.gpt_id().clone(),
            change_id,
            object,
        };
        match self.inner.creates.queue.ask(member).await {
            Ok(true) => Ok(change_id),
            Ok(false) => Err(CreateError::CollectionChanged),
            Err(error) => Err(CreateError::Store(error)),
        }
    }
}

/// An object to be created, one of those that share a commit.
struct Member {
    gpt_id: GptId,
    change_id: Option<Uuid>,
    object: NewObject,
}

impl Member {
    /// What is to be noted for those who are told of changes.
    fn change(&self) -> Option<NotedChange<'_>> {
        Some(NotedChange {
            gpt_id: &self.gpt_id,
            object_id: self.object.id,
            change_id: self.change_id?,
        })
    }
}

/// The answer says whether the object was created.
type Create = Request<Member, bool>;

/// The queue of objects to be created.
pub(in crate::store) struct Creates {
    queue: Queue<Member, bool>,
}

impl Creates {
    pub(in crate::store) fn start(database: &Database, tasks: &mut Tasks) -> Self {
        /// While one statement waits for its commit, the other gathers the next callers.
        const POSTGRES_WRITERS: usize = 2;
        let queue = match database {
            Database::Postgres { pool, .. } => {
                let pool = pool.get_postgres_connection_pool().clone();
                tasks.start(POSTGRES_WRITERS, Writer { insert: pool })
            }
            Database::Sqlite { writer, .. } => {
                let writer = writer.clone();
                tasks.start(1, Writer { insert: writer })
            }
        };
        Self { queue }
    }
}

struct Writer<I> {
    insert: I,
}

impl<I: Insert> AsyncServe<Member, bool> for Writer<I> {
    async fn serve(&self, batch: Vec<Create>) {
        /// A statement is held in memory whole, on both sides.
        const MAX_STATEMENT_BYTES: usize = 8 << 20;
        let mut rest = batch.into_iter().peekable();
        while rest.peek().is_some() {
            let mut bytes = 0;
            let mut group = Vec::new();
            while let Some(create) = rest.next_if(|_| bytes < MAX_STATEMENT_BYTES) {
                bytes += create.question.object.body.as_str().len();
                group.push(create);
            }
            self.serve_group(group).await;
        }
    }
}

impl<I: Insert> Writer<I> {
    /// Serves all with one commit; when the database refuses, each by itself, so that one that it
    /// cannot take does not take the others with it.
    async fn serve_group(&self, group: Vec<Create>) {
        let members: Vec<&Member> = group.iter().map(|create| &create.question).collect();
        match self.insert(&members).await {
            Ok(created) => {
                for (create, created) in group.into_iter().zip(created) {
                    create.answer(Ok(created));
                }
            }
            Err(error) if group.len() > 1 && error.blames_the_statement() => {
                for create in group {
                    let alone = self.insert(&[&create.question]).await;
                    create.answer(alone.map(|created| created == [true]));
                }
            }
            Err(error) => {
                for create in group {
                    create.answer(Err(error.clone()));
                }
            }
        }
    }

    async fn insert(&self, members: &[&Member]) -> Result<Vec<bool>, StoreError> {
        let mut retry = Retry::default();
        loop {
            let result = self.insert.insert(members).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }
}

/// Inserts all members that may be inserted, and says of each whether it was, after the commit.
trait Insert: Send + Sync + 'static {
    fn insert(
        &self,
        members: &[&Member],
    ) -> impl Future<Output = Result<Vec<bool>, StoreError>> + Send;
}

impl Insert for PgPool {
    async fn insert(&self, members: &[&Member]) -> Result<Vec<bool>, StoreError> {
        if members.iter().all(|member| member.change().is_none()) {
            return insert_all(self, members).await;
        }
        // Dropped without a commit, it is rolled back.
        let mut transaction = self.begin().await?;
        let created = insert_all(&mut *transaction, members).await?;
        note_all(&mut transaction, members, &created).await?;
        transaction.commit().await?;
        Ok(created)
    }
}

/// Inserts with one statement, which waits for one commit.
async fn insert_all(
    connection: impl PgExecutor<'_>,
    members: &[&Member],
) -> Result<Vec<bool>, StoreError> {
    /// `FOR SHARE` waits for a change of the collection that is under way, and then looks at
    /// the version again: PostgreSQL evaluates the join anew for the changed row.
    const INSERT: &str = "INSERT INTO objects \
             (gpt_id, id, collection, body, version, created_at, updated_at) \
             SELECT u.gpt_id, u.id, u.collection, u.body::jsonb, 1, u.at, u.at \
             FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], \
                         $5::timestamptz[], $6::bigint[], $7::uuid[], $8::boolean[]) \
                  AS u (gpt_id, id, collection, body, at, version, collection_id, is_forwarded) \
             JOIN collections c ON c.gpt_id = u.gpt_id AND c.name = u.collection \
                                   AND c.version = u.version AND c.id = u.collection_id \
                                   AND c.is_forwarded = u.is_forwarded \
             FOR SHARE OF c RETURNING gpt_id, id";
    let objects = || members.iter().map(|member| &member.object);
    let is_forwarded = objects().map(|object| object.is_forwarded);
    let inserted: Vec<(String, Uuid)> = sqlx::query_as(INSERT)
        .bind(
            members
                .iter()
                .map(|member| member.gpt_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(objects().map(|object| object.id).collect::<Vec<_>>())
        .bind(
            objects()
                .map(|object| object.collection.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            objects()
                .map(|object| object.body.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            objects()
                .map(|object| object.at.into())
                .collect::<Vec<DateTime<Utc>>>(),
        )
        .bind(
            objects()
                .map(|object| object.collection_version)
                .collect::<Vec<_>>(),
        )
        .bind(
            objects()
                .map(|object| object.collection_id)
                .collect::<Vec<_>>(),
        )
        .bind(is_forwarded.collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    if inserted.len() == members.len() {
        return Ok(vec![true; members.len()]);
    }
    let inserted: HashSet<(&str, Uuid)> = inserted
        .iter()
        .map(|(gpt_id, id)| (gpt_id.as_str(), *id))
        .collect();
    let is_in = |member: &&Member| inserted.contains(&(member.gpt_id.as_str(), member.object.id));
    Ok(members.iter().map(is_in).collect())
}

/// Notes those that were created and are to be forwarded.
async fn note_all(
    connection: &mut PgConnection,
    members: &[&Member],
    created: &[bool],
) -> Result<(), StoreError> {
    let created = members.iter().zip(created).filter(|(_, created)| **created);
    let changes: Vec<_> = created.filter_map(|(member, _)| member.change()).collect();
    let Some(at) = members.iter().map(|member| member.object.at).max() else {
        return Ok(());
    };
    Ok(note_on_postgres(connection, EventKind::Created, at, &changes).await?)
}

impl Insert for DatabaseConnection {
    async fn insert(&self, members: &[&Member]) -> Result<Vec<bool>, StoreError> {
        let transaction = begin(self).await?;
        let created = insert_each(&transaction, members).await;
        end(transaction, created).await
    }
}

async fn insert_each(
    transaction: &DatabaseTransaction,
    members: &[&Member],
) -> Result<Vec<bool>, StoreError> {
    let mut created = Vec::with_capacity(members.len());
    for member in members {
        let insert = insert_one(DbBackend::Sqlite, "", &member.gpt_id, &member.object);
        let inserted = transaction.execute_raw(insert).await?.rows_affected() == 1;
        if let (true, Some(change)) = (inserted, member.change()) {
            let note = note_on_sqlite(EventKind::Created, member.object.at, change);
            transaction.execute_raw(note).await?;
        }
        created.push(inserted);
    }
    Ok(created)
}

/// Inserts one object if its collection has the expected version; `lock` is empty or ` FOR SHARE`.
pub(super) fn insert_one(
    dialect: DbBackend,
    lock: &str,
    gpt_id: &GptId,
    object: &NewObject,
) -> Statement {
    Statement::from_sql_and_values(
        dialect,
        format!(
            "INSERT INTO objects \
             (gpt_id, id, collection, body, version, created_at, updated_at) \
             SELECT c.gpt_id, $2, c.name, json($4), 1, $5, $5 FROM collections c \
             WHERE c.gpt_id = $1 AND c.name = $3 AND c.version = $6 AND c.id = $7 \
             AND c.is_forwarded = $8{lock}"
        ),
        [
            gpt_id.into(),
            object.id.into(),
            (&object.collection).into(),
            (&object.body).into(),
            object.at.into(),
            object.collection_version.into(),
            object.collection_id.into(),
            object.is_forwarded.into(),
        ],
    )
}
