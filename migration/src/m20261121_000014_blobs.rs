//! `blobs`: the sealed bytes of files and of parts of uploads, one row for each stored object.
//!
//! The row goes after the object: until then `deleted_at` says that nobody reads it any more, and
//! `next_attempt_at` when to try to remove it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpt = ForeignKey::create();
        gpt.name("blobs_gpt_id_fkey")
            .from(Blobs::Table, Blobs::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut blobs = Table::create();
        blobs
            .table(Blobs::Table)
            .col(ColumnDef::new(Blobs::GptId).text().not_null())
            .col(ColumnDef::new(Blobs::Id).uuid().not_null())
            .col(ColumnDef::new(Blobs::FileId).uuid())
            .col(ColumnDef::new(Blobs::Position).integer().not_null())
            .col(ColumnDef::new(Blobs::Bytes).big_integer().not_null())
            .col(ColumnDef::new(Blobs::StoredBytes).big_integer().not_null())
            .col(ColumnDef::new(Blobs::Sha256).binary().not_null())
            .col(ColumnDef::new(Blobs::KeyId).integer().not_null())
            .col(ColumnDef::new(Blobs::WrappedKey).binary().not_null())
            .col(
                ColumnDef::new(Blobs::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(ColumnDef::new(Blobs::DeletedAt).timestamp_with_time_zone())
            .col(ColumnDef::new(Blobs::Attempts).integer().not_null())
            .col(ColumnDef::new(Blobs::NextAttemptAt).timestamp_with_time_zone())
            .primary_key(Index::create().col(Blobs::GptId).col(Blobs::Id))
            .foreign_key(&mut gpt);
        manager.create_table(blobs).await?;

        // The segments of a file, in order.
        let mut of_file = Index::create();
        of_file
            .name("blobs_gpt_id_file_id_position_idx")
            .table(Blobs::Table)
            .col(Blobs::GptId)
            .col(Blobs::FileId)
            .col(Blobs::Position);
        manager.create_index(of_file).await?;

        let mut to_remove = Index::create();
        to_remove
            .name("blobs_next_attempt_at_idx")
            .table(Blobs::Table)
            .col(Blobs::NextAttemptAt);
        manager.create_index(to_remove).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Blobs::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum Blobs {
    Table,
    GptId,
    Id,
    FileId,
    Position,
    Bytes,
    StoredBytes,
    Sha256,
    KeyId,
    WrappedKey,
    CreatedAt,
    DeletedAt,
    Attempts,
    NextAttemptAt,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
