//! What a purge finds: files and uploads whose time is over, and blobs that nobody reads any
//! more.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::rows::UploadStage;
use crate::clock::Timestamp;
use crate::ids::GptId;
use crate::store::entity::{blobs, files, uploads};
use crate::store::transaction::end;
use crate::store::{Store, StoreError};

/// A blob that is to be removed, and that nobody else tries to remove for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedBlob {
    /// Whose it was.
    pub gpt_id: GptId,
    /// Its id.
    pub id: Uuid,
    /// How often it was claimed, this time included.
    pub attempts: u32,
}

impl Store {
    /// Up to `limit` files of any GPT whose time is over at `now`, and that are not deleted.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn expired_files(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<(GptId, Uuid)>, StoreError> {
        let found = files::Entity::find()
            .select_only()
            .columns([files::Column::GptId, files::Column::Id])
            .filter(files::Column::DeletedAt.is_null())
            .filter(files::Column::ExpiresAt.lte(now))
            .order_by_asc(files::Column::ExpiresAt)
            .limit(limit);
        Ok(found.into_tuple().all(self.database().reads()).await?)
    }

    /// Up to `limit` uploads of any GPT whose time is over at `now`, and that nobody has ended.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn expired_uploads(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<(GptId, Uuid)>, StoreError> {
        let found = uploads::Entity::find()
            .select_only()
            .columns([uploads::Column::GptId, uploads::Column::Id])
            .filter(uploads::Column::State.eq(UploadStage::Pending.as_str()))
            .filter(uploads::Column::ExpiresAt.lte(now))
            .order_by_asc(uploads::Column::ExpiresAt)
            .limit(limit);
        Ok(found.into_tuple().all(self.database().reads()).await?)
    }

    /// Claims up to `limit` blobs that are due for removal at `now`. Nobody else gets them before
    /// `until`, whatever becomes of the caller.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn claim_blobs(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u64,
    ) -> Result<Vec<ClaimedBlob>, StoreError> {
        let skip_locked = self.locking(" FOR UPDATE SKIP LOCKED");
        let claim = self.statement(
            format!(
                "UPDATE blobs SET attempts = attempts + 1, next_attempt_at = $2 \
                 WHERE (gpt_id, id) IN (\
                 SELECT gpt_id, id FROM blobs WHERE next_attempt_at <= $1 \
                 ORDER BY next_attempt_at LIMIT {limit}{skip_locked}) \
                 RETURNING gpt_id, id, attempts"
            ),
            [now.into(), until.into()],
        );
        let rows = self.database().writes().query_all_raw(claim).await?;
        let claimed = rows.iter().map(|row| {
            Ok(ClaimedBlob {
                gpt_id: row.try_get_by_index(0)?,
                id: row.try_get_by_index(1)?,
                attempts: row.try_get_by_index::<i32>(2)?.cast_unsigned(),
            })
        });
        claimed.collect()
    }

    /// Forgets blobs that were removed, and puts others off to a later time, in one transaction.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn settle_blobs(
        &self,
        removed: &[ClaimedBlob],
        put_off: &[(ClaimedBlob, Timestamp)],
    ) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        let settled = self.settle_within(&transaction, removed, put_off).await;
        end(transaction, settled).await
    }

    async fn settle_within(
        &self,
        transaction: &DatabaseTransaction,
        removed: &[ClaimedBlob],
        put_off: &[(ClaimedBlob, Timestamp)],
    ) -> Result<(), StoreError> {
        for blob in removed {
            let forget = self.statement(
                "DELETE FROM blobs WHERE gpt_id = $1 AND id = $2",
                [(&blob.gpt_id).into(), blob.id.into()],
            );
            transaction.execute_raw(forget).await?;
        }
        for (blob, until) in put_off {
            let put_off = self.statement(
                "UPDATE blobs SET next_attempt_at = $3 WHERE gpt_id = $1 AND id = $2",
                [(&blob.gpt_id).into(), blob.id.into(), (*until).into()],
            );
            transaction.execute_raw(put_off).await?;
        }
        Ok(())
    }

    /// Removes the rows of files that were deleted, and of uploads that ended, before `before`. A
    /// file whose bytes are not gone yet stays.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn forget_ended_files(&self, before: Timestamp) -> Result<u64, StoreError> {
        let files = self.statement(
            "DELETE FROM files WHERE deleted_at <= $1 AND NOT EXISTS (SELECT 1 FROM blobs b \
             WHERE b.gpt_id = files.gpt_id AND b.file_id = files.id)",
            [before.into()],
        );
        let uploads = self.statement(
            "DELETE FROM uploads WHERE state <> 'pending' AND expires_at <= $1",
            [before.into()],
        );
        let database = self.database().writes();
        let files = database.execute_raw(files).await?.rows_affected();
        Ok(files + database.execute_raw(uploads).await?.rows_affected())
    }

    /// Which of these blobs of a GPT the database knows, deleted ones too.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn known_blobs(&self, gpt_id: &GptId, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        let known = blobs::Entity::find()
            .select_only()
            .column(blobs::Column::Id)
            .filter(blobs::Column::GptId.eq(gpt_id.as_str()))
            .filter(blobs::Column::Id.is_in(ids.iter().copied()));
        Ok(known.into_tuple().all(self.database().reads()).await?)
    }
}
