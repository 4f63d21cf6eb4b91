//! `kv_entries`: one row for each key of a namespace, so that a small change is a small write.
//!
//! `entry` is the text that stands in the snapshot, `"key":value`, so that a snapshot is sent as
//! it is stored. Keys sort by their bytes on both databases, whatever the database's language.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut namespace = ForeignKey::create();
        namespace
            .name("kv_entries_gpt_id_namespace_fkey")
            .from(KvEntries::Table, (KvEntries::GptId, KvEntries::Namespace))
            .to(
                KvNamespaces::Table,
                (KvNamespaces::GptId, KvNamespaces::Name),
            )
            .on_delete(ForeignKeyAction::Cascade);
        let mut key = ColumnDef::new(KvEntries::Key);
        key.text().not_null();
        if manager.get_database_backend() == DbBackend::Postgres {
            key.extra("COLLATE \"C\"");
        }
        let mut entries = Table::create();
        entries
            .table(KvEntries::Table)
            .col(ColumnDef::new(KvEntries::GptId).text().not_null())
            .col(ColumnDef::new(KvEntries::Namespace).text().not_null())
            .col(key)
            .col(ColumnDef::new(KvEntries::Entry).text().not_null())
            .primary_key(
                Index::create()
                    .col(KvEntries::GptId)
                    .col(KvEntries::Namespace)
                    .col(KvEntries::Key),
            )
            .foreign_key(&mut namespace);
        manager.create_table(entries).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(KvEntries::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum KvEntries {
    Table,
    GptId,
    Namespace,
    Key,
    Entry,
}

#[derive(DeriveIden)]
enum KvNamespaces {
    Table,
    GptId,
    Name,
}
