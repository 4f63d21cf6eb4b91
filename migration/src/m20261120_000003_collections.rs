//! `collections`: named sets of objects, with an optional JSON Schema.
//!
//! The id is unique within its GPT rather than everywhere, because a unique index must begin with
//! the tenant for the table to be distributed by tenant.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpt = ForeignKey::create();
        gpt.name("collections_gpt_id_fkey")
            .from(Collections::Table, Collections::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut collections = Table::create();
        collections
            .table(Collections::Table)
            .col(ColumnDef::new(Collections::GptId).text().not_null())
            .col(ColumnDef::new(Collections::Name).text().not_null())
            .col(ColumnDef::new(Collections::Id).uuid().not_null())
            .col(ColumnDef::new(Collections::Schema).json_binary())
            .col(
                ColumnDef::new(Collections::Version)
                    .big_integer()
                    .not_null(),
            )
            .col(
                ColumnDef::new(Collections::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(Collections::UpdatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .primary_key(
                Index::create()
                    .col(Collections::GptId)
                    .col(Collections::Name),
            )
            .foreign_key(&mut gpt);
        manager.create_table(collections).await?;

        let mut by_id = Index::create();
        by_id
            .name("collections_gpt_id_id_key")
            .table(Collections::Table)
            .col(Collections::GptId)
            .col(Collections::Id)
            .unique();
        manager.create_index(by_id).await?;

        let mut by_time = Index::create();
        by_time
            .name("collections_gpt_id_created_at_id_idx")
            .table(Collections::Table)
            .col(Collections::GptId)
            .col((Collections::CreatedAt, IndexOrder::Desc))
            .col((Collections::Id, IndexOrder::Desc));
        manager.create_index(by_time).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Collections::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum Collections {
    Table,
    GptId,
    Name,
    Id,
    Schema,
    Version,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
