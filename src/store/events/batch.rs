//! What a batch changes.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{EventKind, NotedChange};
use crate::ids::Tenant;
use crate::store::{BatchWrite, Store, StoreError};

impl Store {
    /// Notes what will be deleted, while it is there.
    pub(in crate::store) async fn note_deleted(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        write: &BatchWrite,
        change_id: Uuid,
    ) -> Result<(), StoreError> {
        let changes = noted(tenant, change_id, write.deletes.iter().copied());
        self.note_changes(transaction, EventKind::Deleted, write.at, &changes)
            .await
    }

    /// Notes what was created and updated.
    pub(in crate::store) async fn note_written(
        &self,
        transaction: &DatabaseTransaction,
        tenant: &Tenant,
        write: &BatchWrite,
        change_id: Uuid,
    ) -> Result<(), StoreError> {
        let created = noted(tenant, change_id, write.inserts.iter().map(|new| new.id));
        self.note_changes(transaction, EventKind::Created, write.at, &created)
            .await?;
        let updated = write.updates.iter().map(|update| update.id);
        let updated = noted(tenant, change_id, updated);
        self.note_changes(transaction, EventKind::Updated, write.at, &updated)
            .await
    }
}

fn noted(
    tenant: &Tenant,
    change_id: Uuid,
    objects: impl Iterator<Item = Uuid>,
) -> Vec<NotedChange<'_>> {
    let gpt_id = tenant.gpt_id();
    let changes = objects.map(|object_id| NotedChange {
        gpt_id,
        object_id,
        change_id,
    });
    changes.collect()
}
