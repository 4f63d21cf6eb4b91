//! Finding files.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use uuid::Uuid;

use super::rows::{BlobRow, StoredFile};
use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::entity::{blobs, files};
use crate::store::keyset::{Keyset, Position, seek};
use crate::store::{Backend, Store, StoreError};

/// Which files a list shows.
#[derive(Clone, Debug)]
pub struct FileFilter {
    /// Those that are there at this moment.
    pub now: Timestamp,
    /// Those with this purpose, or all.
    pub purpose: Option<String>,
}

/// Neither deleted nor expired.
fn is_there(now: Timestamp) -> Condition {
    Condition::all()
        .add(files::Column::DeletedAt.is_null())
        .add(files::Column::ExpiresAt.gt(now))
}

impl Store {
    /// The tenant's file with this id, if it is there at `now`.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_file(
        &self,
        tenant: &Tenant,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Option<StoredFile>, StoreError> {
        let row = files::Entity::find_by_id((tenant.gpt_id().to_string(), id))
            .filter(is_there(now))
            .filter(self.is_seen_by(tenant))
            .one(self.database().reads())
            .await?;
        row.map(StoredFile::try_from).transpose()
    }

    /// Where the file with this id stands in lists, even after it has gone from them.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn file_position(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<Option<Position>, StoreError> {
        let found = files::Entity::find_by_id((tenant.gpt_id().to_string(), id));
        let found = found.filter(self.is_seen_by(tenant));
        let row = found.one(self.database().reads()).await?;
        Ok(row.map(|row| (row.created_at, row.id)))
    }

    /// Whether another GPT has a file with this id: the one look beyond the tenant, to tell another
    /// tenant's file, which is forbidden, from none.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn another_tenant_has_file(
        &self,
        tenant: &Tenant,
        id: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let found = files::Entity::find()
            .filter(files::Column::Id.eq(id))
            .filter(files::Column::GptId.ne(tenant.gpt_id().as_str()))
            .filter(is_there(now));
        Ok(found.one(self.database().reads()).await?.is_some())
    }

    /// A page of the tenant's files by time of creation, and whether there are more.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_files(
        &self,
        tenant: &Tenant,
        filter: &FileFilter,
        page: &Keyset,
    ) -> Result<(Vec<StoredFile>, bool), StoreError> {
        let mut found = files::Entity::find()
            .filter(files::Column::GptId.eq(tenant.gpt_id().as_str()))
            .filter(is_there(filter.now))
            .filter(self.is_seen_by(tenant))
            .limit(u64::from(page.limit) + 1);
        if let Some(purpose) = &filter.purpose {
            found = found.filter(files::Column::Purpose.eq(purpose));
        }
        let mut select = found.into_query();
        let columns = (files::Column::CreatedAt, files::Column::Id);
        seek(&mut select, columns, page.after, page.ascending);
        let rows = self.database().reads().query_all(&select).await?;
        let rows = rows
            .iter()
            .map(|row| StoredFile::try_from(files::Model::from_query_result(row, "")?));
        let mut rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        let more = rows.len() > page.limit as usize;
        rows.truncate(page.limit as usize);
        Ok((rows, more))
    }

    /// Who is narrowed to some collections sees no file with the content of others.
    fn is_seen_by(&self, tenant: &Tenant) -> Condition {
        let Some(names) = tenant.collections() else {
            return Condition::all();
        };
        // No name has a character that would need an escape, and none is empty.
        let names: String = names.iter().map(|name| format!(", '{name}'")).collect();
        let listed = match self.backend() {
            Backend::Postgres => {
                "json_array_elements_text(files.collections::json) AS listed (value)"
            }
            Backend::Sqlite => "json_each(files.collections) AS listed",
        };
        Condition::any()
            .add(files::Column::Collections.is_null())
            .add(Expr::cust(format!(
                "NOT EXISTS (SELECT 1 FROM {listed} WHERE listed.value NOT IN (''{names}))"
            )))
    }

    /// The blobs that a file is made of, in order.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn file_blobs(&self, tenant: &Tenant, id: Uuid) -> Result<Vec<BlobRow>, StoreError> {
        let rows = blobs::Entity::find()
            .filter(blobs::Column::GptId.eq(tenant.gpt_id().as_str()))
            .filter(blobs::Column::FileId.eq(id))
            .filter(blobs::Column::DeletedAt.is_null())
            .order_by_asc(blobs::Column::Position)
            .all(self.database().reads())
            .await?;
        rows.into_iter().map(BlobRow::try_from).collect()
    }
}
