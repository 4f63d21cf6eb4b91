//! `kv_namespaces`: one row for each namespace, with the version that entity tags are made of.
//!
//! The row stays when its last key is deleted, so that the version never goes back.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpt = ForeignKey::create();
        gpt.name("kv_namespaces_gpt_id_fkey")
            .from(KvNamespaces::Table, KvNamespaces::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut namespaces = Table::create();
        namespaces
            .table(KvNamespaces::Table)
            .col(ColumnDef::new(KvNamespaces::GptId).text().not_null())
            .col(ColumnDef::new(KvNamespaces::Name).text().not_null())
            .col(
                ColumnDef::new(KvNamespaces::Version)
                    .big_integer()
                    .not_null(),
            )
            .col(ColumnDef::new(KvNamespaces::Bytes).big_integer().not_null())
            .col(ColumnDef::new(KvNamespaces::UpdatedBy).text().not_null())
            .col(
                ColumnDef::new(KvNamespaces::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(KvNamespaces::UpdatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .primary_key(
                Index::create()
                    .col(KvNamespaces::GptId)
                    .col(KvNamespaces::Name),
            )
            .foreign_key(&mut gpt);
        manager.create_table(namespaces).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(KvNamespaces::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum KvNamespaces {
    Table,
    GptId,
    Name,
    Version,
    Bytes,
    UpdatedBy,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
