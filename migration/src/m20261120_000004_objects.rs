//! `objects`: the documents.
//!
//! The foreign key to the collection implies the one to the GPT. On SQLite the table keeps its
//! rowid: a clustered key pays only for rows much smaller than a document.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut collection = ForeignKey::create();
        collection
            .name("objects_gpt_id_collection_fkey")
            .from(Objects::Table, (Objects::GptId, Objects::Collection))
            .to(Collections::Table, (Collections::GptId, Collections::Name))
            .on_delete(ForeignKeyAction::Cascade);
        let mut objects = Table::create();
        objects
            .table(Objects::Table)
            .col(ColumnDef::new(Objects::GptId).text().not_null())
            .col(ColumnDef::new(Objects::Id).uuid().not_null())
            .col(ColumnDef::new(Objects::Collection).text().not_null())
            .col(ColumnDef::new(Objects::Body).json_binary().not_null())
            .col(ColumnDef::new(Objects::Version).big_integer().not_null())
            .col(
                ColumnDef::new(Objects::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(Objects::UpdatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .primary_key(Index::create().col(Objects::GptId).col(Objects::Id))
            .foreign_key(&mut collection);
        manager.create_table(objects).await?;

        // A page is one range of this index, at any depth.
        let mut page = Index::create();
        page.name("objects_gpt_id_collection_created_at_id_idx")
            .table(Objects::Table)
            .col(Objects::GptId)
            .col(Objects::Collection)
            .col((Objects::CreatedAt, IndexOrder::Desc))
            .col((Objects::Id, IndexOrder::Desc));
        manager.create_index(page).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Objects::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum Objects {
    Table,
    GptId,
    Id,
    Collection,
    Body,
    Version,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum Collections {
    Table,
    GptId,
    Name,
}
